//! What a disk does with the contents of a file; a test puts one in its place that fails or hangs.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// What a disk does with the contents of a file.
pub(super) trait Disk: Send {
    /// Fills the buffer from a place in the file.
    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        file.read_exact_at(buffer, offset)
    }

    /// Writes all of the bytes at a place in the file.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    /// Cuts the file off at this length.
    fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    /// Returns once the contents would survive a loss of power.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// The disk of the system.
#[derive(Debug)]
pub(super) struct System;

impl Disk for System {}
