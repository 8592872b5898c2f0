//! A host name that cannot be resolved, until it can.

use std::{
    fs::{self, File},
    net::IpAddr,
    process::Command,
    time::SystemTime,
};

use crate::{folder::Folder, service::Setup};

/// The names that a program can resolve, by `nss_wrapper` (Debian: `libnss-wrapper`).
#[derive(Debug)]
pub struct Names {
    path: String,
    name: String,
}

impl Names {
    /// One name that is not known yet; `None` if this machine has no `nss_wrapper`.
    ///
    /// No server of names is ever asked for it: its first part is a letter longer than they
    /// understand (RFC 1035, section 2.3.4), so the resolver gives up before it asks.
    #[must_use]
    pub fn none(folder: &Folder) -> Option<Self> {
        if !is_installed() {
            return None;
        }
        let path = folder.join("hosts");
        let file = File::create(&path).expect("a file can be written");
        // A change is noticed by the time of the file, which may count in whole seconds.
        file.set_modified(SystemTime::UNIX_EPOCH)
            .expect("a file has a time");
        let name = format!("{}.test", "x".repeat(LONGEST_LABEL + 1));
        Some(Self { path, name })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lets a program resolve names by this.
    #[must_use]
    pub fn install(&self, setup: Setup) -> Setup {
        setup
            .var("LD_PRELOAD", LIBRARY)
            .var("NSS_WRAPPER_HOSTS", self.path.as_str())
    }

    /// From now on the name leads there.
    pub fn resolve_to(&self, address: IpAddr) {
        let line = format!("{address} {}\n", self.name);
        fs::write(&self.path, line).expect("a file can be written");
    }
}

/// The loader says so where it finds no such library.
fn is_installed() -> bool {
    if !cfg!(target_os = "linux") {
        return false;
    }
    let ran = Command::new("true").env("LD_PRELOAD", LIBRARY).output();
    ran.is_ok_and(|ran| ran.status.success() && ran.stderr.is_empty())
}

const LIBRARY: &str = "libnss_wrapper.so";
const LONGEST_LABEL: usize = 63;
