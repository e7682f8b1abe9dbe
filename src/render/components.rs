//! MJML's components: what each is called, what it may be given, and what may stand in it.
//!
//! From MJML's documentation, less what mrml does not do (`mj-html-attributes`, `mj-include`).

/// What an element may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// These elements, `mj-raw`, and no text.
    Elements(&'static [&'static str]),
    /// Words and HTML.
    Html,
    /// Nothing at all.
    Nothing,
}

/// A component of MJML.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    /// Its element.
    pub(super) name: &'static str,
    /// Separated by spaces; `padding*` and `border*` stand for all sides, `font*` for family, size, style and weight.
    attributes: &'static str,
    /// What may stand in it.
    pub(super) content: Content,
}

use Content::{Elements, Html, Nothing};

const IN_COLUMN: &[&str] = &[
    "mj-accordion",
    "mj-button",
    "mj-carousel",
    "mj-divider",
    "mj-image",
    "mj-navbar",
    "mj-social",
    "mj-spacer",
    "mj-table",
    "mj-text",
];
const BACKGROUND: &str = "background-color background-url background-repeat background-size background-position \
     background-position-x background-position-y border* direction full-width padding* text-align text-padding gap";
const ICONS: &str = "icon-align icon-width icon-height icon-wrapped-url icon-wrapped-alt icon-unwrapped-url icon-unwrapped-alt \
     icon-position container-background-color border font-family padding* background-color";

const fn component(name: &'static str, attributes: &'static str, content: Content) -> Component {
    Component { name, attributes, content }
}

const COMPONENTS: &[Component] = &[
    component("mjml", "lang dir owa", Elements(&["mj-head", "mj-body"])),
    component(
        "mj-head",
        "",
        Elements(&["mj-attributes", "mj-breakpoint", "mj-font", "mj-preview", "mj-style", "mj-title"]),
    ),
    component("mj-attributes", "", Html),
    component("mj-breakpoint", "width", Nothing),
    component("mj-font", "name href", Nothing),
    component("mj-preview", "", Html),
    component("mj-style", "inline", Html),
    component("mj-title", "", Html),
    component("mj-body", "width background-color", Elements(&["mj-section", "mj-wrapper", "mj-hero"])),
    component("mj-section", BACKGROUND, Elements(&["mj-column", "mj-group"])),
    component("mj-wrapper", BACKGROUND, Elements(&["mj-section", "mj-hero"])),
    component("mj-group", "background-color direction vertical-align width", Elements(&["mj-column"])),
    component(
        "mj-column",
        "background-color border* direction inner-background-color inner-border* padding* vertical-align width",
        Elements(IN_COLUMN),
    ),
    component(
        "mj-hero",
        "mode height background-url background-width background-height background-position background-color border-radius \
         container-background-color inner-background-color inner-padding* padding* vertical-align width",
        Elements(IN_COLUMN),
    ),
    component("mj-raw", "position", Html),
    component(
        "mj-text",
        "align background-color color container-background-color font* height letter-spacing line-height padding* \
         text-decoration text-transform vertical-align",
        Html,
    ),
    component(
        "mj-button",
        "align background-color border* color container-background-color font* height href name title inner-padding* \
         letter-spacing line-height padding* rel target text-decoration text-transform vertical-align text-align width",
        Html,
    ),
    component(
        "mj-image",
        "alt href name src srcset sizes title rel align border* container-background-color fluid-on-mobile padding* target \
         width height max-height font-size usemap",
        Nothing,
    ),
    component(
        "mj-divider",
        "border-color border-style border-width container-background-color padding* width align",
        Nothing,
    ),
    component("mj-spacer", "border* container-background-color padding* height", Nothing),
    component(
        "mj-table",
        "align border cellpadding cellspacing container-background-color color font* line-height padding* role table-layout \
         vertical-align width",
        Html,
    ),
    component(
        "mj-social",
        "align border-radius container-background-color color font* icon-size icon-height icon-padding inner-padding line-height \
         mode padding* table-layout text-padding text-decoration vertical-align",
        Elements(&["mj-social-element"]),
    ),
    component(
        "mj-social-element",
        "align icon-position background-color color border-radius font* href icon-size icon-height icon-padding line-height name \
         padding* text-padding rel src srcset sizes alt title target text-decoration vertical-align",
        Html,
    ),
    component(
        "mj-navbar",
        "align base-url hamburger ico-align ico-open ico-close ico-color ico-font-size ico-font-family ico-text-transform \
         ico-padding* ico-text-decoration ico-line-height padding*",
        Elements(&["mj-navbar-link"]),
    ),
    component(
        "mj-navbar-link",
        "color font* href name target rel letter-spacing line-height padding* text-decoration text-transform",
        Html,
    ),
    component("mj-accordion", ICONS, Elements(&["mj-accordion-element"])),
    component("mj-accordion-element", ICONS, Elements(&["mj-accordion-title", "mj-accordion-text"])),
    component("mj-accordion-title", "background-color color font* padding*", Html),
    component("mj-accordion-text", "background-color color font* letter-spacing line-height padding*", Html),
    component(
        "mj-carousel",
        "align border-radius container-background-color icon-width left-icon right-icon padding* thumbnails tb-border \
         tb-border-radius tb-hover-border-color tb-selected-border-color tb-width",
        Elements(&["mj-carousel-image"]),
    ),
    component(
        "mj-carousel-image",
        "alt href rel target title src thumbnails-src border-radius tb-border tb-border-radius",
        Nothing,
    ),
];

impl Component {
    /// The component of an element, where it is one.
    pub(super) fn of(name: &str) -> Option<&'static Self> {
        // Most elements are HTML's.
        let mut known = COMPONENTS.iter().filter(|_| name.starts_with("mj"));
        known.find(|component| component.name == name)
    }

    /// All names.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        COMPONENTS.iter().map(|component| component.name)
    }

    /// Whether it may be given this attribute.
    pub(super) fn takes(&self, attribute: &str) -> bool {
        let is_it = |known: &'static str| {
            let (stem, mut ends) = spelled(known);
            attribute.strip_prefix(stem).is_some_and(|end| ends.any(|known| known == end))
        };
        self.known().any(is_it)
    }

    /// All attributes it may be given.
    pub(super) fn attributes(&self) -> impl Iterator<Item = String> {
        self.known().flat_map(|known| {
            let (stem, ends) = spelled(known);
            ends.map(move |end| format!("{stem}{end}"))
        })
    }

    fn known(&self) -> impl Iterator<Item = &'static str> {
        self.attributes.split_whitespace().chain(["css-class", "mj-class"])
    }
}

/// What the attributes begin with that a word of the table stands for, and how they end.
fn spelled(known: &'static str) -> (&'static str, impl Iterator<Item = &'static str>) {
    let (stem, short) = known.strip_suffix('*').map_or((known, false), |stem| (stem, true));
    let ends: &[&str] = match stem {
        _ if !short => &[""],
        "font" => &["-family", "-size", "-style", "-weight"],
        stem if stem.ends_with("border") => &["", "-top", "-right", "-bottom", "-left", "-radius"],
        _ => &["", "-top", "-right", "-bottom", "-left"],
    };
    (stem, ends.iter().copied())
}
