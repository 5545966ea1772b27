//! Files that nobody ever sees half of.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;

/// The mode of a file that may be read as others are; the user's mask takes from it.
pub const ORDINARY: u32 = 0o666;

/// Puts a file with these bytes at the path, in the place of what is there. It is written under
/// another name, as new, so that neither a file nor a link there is followed, and renamed when it
/// is whole.
///
/// # Errors
/// It cannot be written. What was at the path is there still.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}.new", process::id()));
    let new = PathBuf::from(new);
    // Left by a process of the same number that was killed while it wrote.
    let _ = fs::remove_file(&new);
    let open = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new);
    open.and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        // What matters is why it failed; there may be nothing to remove.
        let _ = fs::remove_file(&new);
    })
}
