//! Puts the parts together and runs them.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use axum::Router;
use obs_core::TelemetryHandle;
use obs_tower::{Check, ObserveLayer, Server};
use thiserror::Error;
use tokio::net::TcpListener;
use tracing::Instrument;

use crate::{
    config::Config,
    http,
    import::{ImportError, demo},
    store::{Store, StoreError},
};

/// The service, ready to run: it has its port, its database and recipes.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    store: Store,
    router: Router,
    demo_recipes: usize,
}

impl App {
    /// Takes the port, opens the database, and loads the demo set if the database is empty.
    ///
    /// # Errors
    /// [`StartError`] if the port is taken or the data folder cannot be used.
    pub async fn build(config: &Config, telemetry: &TelemetryHandle) -> Result<Self, StartError> {
        let listener = listen(config.host, config.port).await?;
        let address = listener.local_addr().map_err(|source| StartError::Listen {
            address: SocketAddr::new(config.host, config.port),
            source,
        })?;
        let store = Store::open(&config.data_dir).await?;
        let demo_recipes = if store.is_empty().await? {
            let load = tracing::info_span!("load demo recipes");
            store
                .import(&demo::recipes()?)
                .instrument(load)
                .await?
                .loaded
        } else {
            0
        };
        Ok(Self {
            listener,
            address,
            router: http::router(store.clone()).layer(ObserveLayer::new(telemetry)),
            store,
            demo_recipes,
        })
    }

    /// The address it listens on, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many demo recipes were loaded at this start.
    #[must_use]
    pub fn demo_recipes(&self) -> usize {
        self.demo_recipes
    }

    /// Serves until the server is asked to stop: finishes the requests under way, closes the
    /// database, and flushes telemetry last.
    pub async fn run(self, server: Server) -> ExitCode {
        let Self {
            listener,
            store,
            router,
            ..
        } = self;
        let database = store.clone();
        server
            .health_at("/health")
            .check(Check::critical("database", move || {
                let database = database.clone();
                async move { database.ping().await }
            }))
            .on_shutdown("database", Duration::from_secs(2), async move {
                store.close().await;
            })
            .run(listener, router)
            .await
    }

    /// Ends without having served.
    pub async fn close(self) {
        self.store.close().await;
    }
}

/// Why the service cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}{}", remedy(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The recipes that come with the program are broken.
    #[error("the demo recipes cannot be read")]
    Demo(#[from] ImportError),
}

async fn listen(host: IpAddr, port: u16) -> Result<TcpListener, StartError> {
    let address = SocketAddr::new(host, port);
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; set PORT to another port, or 0 for a free one",
        io::ErrorKind::PermissionDenied => "; set PORT to a port from 1024 up",
        io::ErrorKind::AddrNotAvailable => "; set HOST to an address of this machine",
        _ => "",
    }
}
