//! Where a store may be, and who may read it.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use super::StoreError;

/// Filesystems whose locks and syncs other machines may not see. Any `fuse.` one but those that are local counts too.
const NETWORK: [&str; 14] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "coda",
    "glusterfs",
    "lustre",
    "ncpfs",
    "ocfs2",
    "gfs2",
];
const LOCAL_FUSE: [&str; 3] = ["fuse.ext4", "fuse.ntfs-3g", "fuse.fuse-overlayfs"];

/// Makes an empty file that only its owner may read; leaves one that is there as it is.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

/// Which file is at a path, by device and inode; `None` where there is none.
pub(super) fn file_at(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// The least room for a change and the log of it.
const ROOM: u64 = 64 << 10;

/// Refuses a disk that has no room for a change; one that cannot tell passes.
pub(super) fn refuse_full(path: &Path) -> io::Result<()> {
    match statvfs(path) {
        Ok(disk) if disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM => Err(ErrorKind::StorageFull.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Refuses a store on a network filesystem, where the kernel tells (Linux); elsewhere everything passes.
pub(super) fn refuse_network(path: &Path) -> Result<(), StoreError> {
    let Ok(mounts) = fs::read_to_string("/proc/self/mountinfo") else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder =
        folder.canonicalize().map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
    match filesystem(&mounts, &folder) {
        Some(kind) if is_network(kind) => {
            Err(StoreError::Network { path: path.to_owned(), kind: kind.to_owned() })
        }
        _ => Ok(()),
    }
}

fn is_network(kind: &str) -> bool {
    NETWORK.contains(&kind) || kind.starts_with("fuse.") && !LOCAL_FUSE.contains(&kind)
}

/// The type of the filesystem that a folder is on: that of the longest mount point above it, the last of equals.
fn filesystem<'m>(mounts: &'m str, folder: &Path) -> Option<&'m str> {
    let kinds = mounts.lines().filter_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let point = PathBuf::from(unescape(mount.split(' ').nth(4)?));
        let depth = point.components().count();
        folder.starts_with(point).then_some((depth, filesystem.split(' ').next()?))
    });
    kinds.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

/// mountinfo writes spaces, tabs, line breaks and backslashes in octal (proc(5)).
fn unescape(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
        30 22 0:40 / /srv/news\\040letter rw shared:1 - nfs4 server:/x rw\n\
        31 22 0:41 / /home/ada/far rw - fuse.sshfs ada@far:/ rw\n";

    #[test]
    fn a_network_filesystem_is_known_by_the_nearest_mount_point() {
        let network = |folder: &str| filesystem(MOUNTS, Path::new(folder)).is_some_and(is_network);
        assert!(network("/srv/news letter/weekly"));
        assert!(network("/home/ada/far"));
        assert!(!network("/home/ada/farther"));
        assert!(!network("/srv"));
    }
}
