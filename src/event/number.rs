//! The numbers that the store keeps for what was asked and how. They never change.

use super::{AgentClass, EventKind, Method};
use crate::id::Place;

impl EventKind {
    /// That of the place; 0 for the pixel.
    pub fn number(self) -> u16 {
        match self {
            Self::Open => 0,
            Self::Click(Place(place)) => place,
        }
    }

    /// What has this number.
    pub fn from_number(number: u16) -> Self {
        if number == 0 { Self::Open } else { Self::Click(Place(number)) }
    }
}

impl AgentClass {
    /// 0 to 5.
    pub fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Browser => 1,
            Self::ImageProxy => 2,
            Self::Scanner => 3,
            Self::Bot => 4,
            Self::Library => 5,
        }
    }

    /// What has this number, if anything.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Unknown,
            1 => Self::Browser,
            2 => Self::ImageProxy,
            3 => Self::Scanner,
            4 => Self::Bot,
            5 => Self::Library,
            _ => return None,
        })
    }
}

impl Method {
    /// 1 or 2.
    pub fn number(self) -> u8 {
        match self {
            Self::Get => 1,
            Self::Head => 2,
        }
    }

    /// What has this number, if anything.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Get),
            2 => Some(Self::Head),
            _ => None,
        }
    }
}
