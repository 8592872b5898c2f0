//! The settings of the service, read from variables.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use obs_core::{
    Error,
    config::{Env, Reader},
};

/// The settings of the service.
///
/// A variable that is set to nothing counts as unset.
///
/// # Examples
/// ```
/// use obs_core::config::Env;
/// use recipe_api::config::Config;
///
/// let config = Config::from_env(&Env::from_pairs([("PORT", "8080")]))?;
/// assert_eq!(config.port, 8080);
/// # Ok::<(), obs_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Port to listen on; 0 takes a free one. `PORT`, default 3001.
    pub port: u16,
    /// Address to listen on. `HOST`, an IP address or `localhost`, default 127.0.0.1.
    ///
    /// The default is reachable from this machine only, because the service has no accounts yet.
    pub host: IpAddr,
    /// Folder of the database; created when missing. `DATA_DIR`, default `./data`.
    pub data_dir: PathBuf,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`Error`] with every variable whose value cannot be used.
    pub fn from_env(env: &Env) -> Result<Self, Error> {
        let reader = Reader::new(env);
        let port = reader.parse("PORT", "a number from 0 to 65535", 3001, |value| {
            value.parse().ok()
        });
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let host = reader.parse("HOST", "an IP address or localhost", localhost, parse_host);
        let data_dir = PathBuf::from(reader.text("DATA_DIR").unwrap_or("./data"));
        let problems = reader.into_problems();
        if problems.is_empty() {
            Ok(Self {
                port,
                host,
                data_dir,
            })
        } else {
            Err(Error::settings(problems))
        }
    }
}

fn parse_host(value: &str) -> Option<IpAddr> {
    if value.eq_ignore_ascii_case("localhost") {
        return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    value.parse().ok()
}
