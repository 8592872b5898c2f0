//! Settings from variables, and starts that cannot work.

use std::path::Path;

use obs_core::config::Env;
use recipe_api::{
    app::{App, StartError},
    config::Config,
};

use crate::support::{TempFolder, telemetry};

fn read(vars: &[(&str, &str)]) -> Result<Config, String> {
    let env = Env::from_pairs(vars.iter().copied());
    Config::from_env(&env).map_err(|error| error.to_string())
}

#[test]
fn defaults_apply_to_what_is_unset_or_empty() {
    let expected = Config {
        port: 3001,
        host: [127, 0, 0, 1].into(),
        data_dir: "./data".into(),
    };
    assert_eq!(read(&[]).unwrap(), expected);
    assert_eq!(
        read(&[("PORT", ""), ("HOST", "  "), ("DATA_DIR", "")]).unwrap(),
        expected
    );
}

#[test]
fn values_are_read() {
    let config = read(&[("PORT", " 80 "), ("HOST", "::"), ("DATA_DIR", "/srv/x y")]).unwrap();
    assert_eq!(config.port, 80);
    assert!(config.host.is_unspecified() && config.host.is_ipv6());
    assert_eq!(config.data_dir, Path::new("/srv/x y"));
    assert!(read(&[("HOST", "localhost")]).unwrap().host.is_loopback());
}

#[test]
fn every_problem_is_told_at_once() {
    let error = read(&[("PORT", "99999"), ("HOST", "my host\u{1b}[2J")]).unwrap_err();
    assert_eq!(
        error,
        "2 setting(s) cannot be used\n  \
         PORT=\"99999\": expected a number from 0 to 65535\n  \
         HOST=\"my host\\u{1b}[2J\": expected an IP address or localhost"
    );
    for port in ["-1", "80a", "0x50", "3001.0", "６５"] {
        assert!(read(&[("PORT", port)]).is_err(), "{port}");
    }
}

async fn start_error(config: &Config) -> StartError {
    match App::build(config, &telemetry().handle()).await {
        Ok(_) => panic!("the app starts"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_a_remedy() {
    let folder = TempFolder::new();
    let mut config = Config {
        port: 0,
        host: [127, 0, 0, 1].into(),
        data_dir: folder.path().to_owned(),
    };
    let first = App::build(&config, &telemetry().handle()).await.unwrap();
    config.port = first.address().port();
    let error = start_error(&config).await.to_string();
    assert_eq!(
        error,
        format!(
            "cannot listen on {}; set PORT to another port, or 0 for a free one",
            first.address()
        )
    );
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_used_is_told() {
    let folder = TempFolder::new();
    let file = folder.write("file", "");
    let config = Config {
        port: 0,
        host: [127, 0, 0, 1].into(),
        data_dir: file.join("data"),
    };
    let error = start_error(&config).await.to_string();
    assert!(
        error.starts_with("cannot create the data folder"),
        "{error}"
    );

    let broken = TempFolder::new();
    broken.write(
        "recipes.db",
        "this is no database, but long enough to look like one ".repeat(99),
    );
    let config = Config {
        data_dir: broken.path().to_owned(),
        ..config
    };
    let error = start_error(&config).await.to_string();
    assert!(error.starts_with("cannot open the database"), "{error}");
}

#[tokio::test]
async fn the_demo_set_is_loaded_once() {
    let folder = TempFolder::new();
    let config = Config {
        port: 0,
        host: [127, 0, 0, 1].into(),
        data_dir: folder.path().to_owned(),
    };
    let app = App::build(&config, &telemetry().handle()).await.unwrap();
    assert_eq!(app.demo_recipes(), 14);
    app.close().await;
    let app = App::build(&config, &telemetry().handle()).await.unwrap();
    assert_eq!(app.demo_recipes(), 0);
}
