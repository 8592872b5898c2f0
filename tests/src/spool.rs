//! The folder of a spool, which outlives the programs that use it, and what lies in it.

use std::{
    fs,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use obs_core::spool;

use crate::{folder::Folder, service::Setup};

/// A folder for spools; dropping it removes it, unless the test is failing.
#[derive(Debug)]
pub struct SpoolFolder {
    folder: Folder,
}

impl SpoolFolder {
    /// Where no program was before: not even the folder is there.
    #[must_use]
    pub fn make() -> Self {
        Self {
            folder: Folder::make(),
        }
    }

    /// Where it is, once a program has made it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// Lets a program use it.
    #[must_use]
    pub fn used_by(&self, setup: Setup) -> Setup {
        setup.var("OBS_SPOOL_DIR", self.path().display().to_string())
    }

    /// The folders of processes.
    #[must_use]
    pub fn processes(&self) -> Vec<PathBuf> {
        entries(&self.path())
    }

    /// The files that hold records, those of all processes.
    #[must_use]
    pub fn segments(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = self
            .processes()
            .iter()
            .flat_map(|process| entries(process))
            .collect();
        files.retain(|file| file.extension().is_some_and(|is| is == "spool"));
        files
    }

    /// How many records of a signal are on disk, those included that are under way as well.
    ///
    /// # Panics
    /// If the folder cannot be read.
    #[must_use]
    pub fn records(&self, signal: &str) -> u64 {
        let found = match spool::inspect(&self.path()) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return 0,
            Err(error) => panic!("{}: {error}", self.path().display()),
        };
        let contents = found.folders.iter().flat_map(|folder| &folder.contents);
        contents
            .filter(|contents| contents.signal == signal)
            .map(|contents| contents.records)
            .sum()
    }

    /// Bytes of all of them.
    #[must_use]
    pub fn size(&self) -> u64 {
        let files = self.segments();
        // One that is gone by now has been sent.
        let sizes = files.iter().filter_map(|file| fs::metadata(file).ok());
        sizes.map(|metadata| metadata.len()).sum()
    }

    /// Whether these bytes are in a file or its name, as they are or compressed.
    ///
    /// # Panics
    /// If a file cannot be read.
    #[must_use]
    pub fn contains(&self, needle: &str) -> bool {
        all_files(&self.path()).iter().any(|file| {
            let bytes = fs::read(file).expect("a file of the spool can be read");
            file.to_string_lossy().contains(needle)
                || has(&bytes, needle)
                || bodies(&bytes).iter().any(|body| has(body, needle))
        })
    }
}

/// Whatever gzip can make something of, wherever it begins.
fn bodies(bytes: &[u8]) -> Vec<Vec<u8>> {
    const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
    let begins = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&MAGIC));
    let body = |at: usize| {
        let mut body = Vec::new();
        // What was read before an error counts too.
        let _damaged = GzDecoder::new(&bytes[at..]).read_to_end(&mut body);
        body
    };
    begins.map(body).collect()
}

fn has(bytes: &[u8], needle: &str) -> bool {
    let needle = needle.as_bytes();
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let deeper = |path: PathBuf| match path.is_dir() {
        true => all_files(&path),
        false => vec![path],
    };
    entries(folder).into_iter().flat_map(deeper).collect()
}

/// What is in a folder, in order; nothing where there is none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn finds_what_is_compressed() {
        let spool = SpoolFolder::make();
        assert!(!spool.contains("needle"), "nothing is there");
        let process = spool.path().join("a-process");
        fs::create_dir_all(&process).unwrap();
        let mut body = GzEncoder::new(b"header".to_vec(), Compression::fast());
        body.write_all(b"hay hay hay needle hay hay hay").unwrap();
        let mut bytes = body.finish().unwrap();
        assert!(!has(&bytes, "needle"));
        bytes.extend(b"trailer");
        fs::write(process.join("logs-1.spool"), &bytes).unwrap();
        fs::write(process.join("lock"), "").unwrap();
        assert!(spool.contains("needle") && spool.contains("trailer"));
        assert!(spool.contains("a-process") && !spool.contains("pin"));
        assert_eq!(spool.segments().len(), 1);
        assert_eq!(spool.size(), bytes.len() as u64);
    }
}
