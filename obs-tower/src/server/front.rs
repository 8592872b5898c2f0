//! What stands between a connection and the application: probes, peer address, lame duck.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, ready};

use http::header::{self, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::{TowerToHyperService, TowerToHyperServiceFuture};
use obs_redact::Redactor;
use pin_project_lite::pin_project;
use tokio::sync::watch;

use super::app::App;
use super::front_body::{Content, FrontBody};
use super::traffic::{InFlight, Traffic};
use crate::client_addr::ClientAddr;
use crate::health::{Answer, Endpoints, Health};
use crate::request_id::RequestId;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) endpoints: Option<Endpoints>,
    pub(super) health: Arc<Health>,
    pub(super) redactor: Redactor,
    /// Requests in flight on all connections.
    pub(super) in_flight: Arc<AtomicUsize>,
}

/// The service of one connection.
#[derive(Debug)]
pub(super) struct Front<A> {
    app: TowerToHyperService<A>,
    shared: Arc<Shared>,
    peer: ClientAddr,
    traffic: watch::Sender<Traffic>,
}

impl<A> Front<A> {
    pub(super) fn new(
        app: A,
        shared: Arc<Shared>,
        peer: ClientAddr,
        traffic: watch::Sender<Traffic>,
    ) -> Self {
        Self {
            app: TowerToHyperService::new(app),
            shared,
            peer,
            traffic,
        }
    }
}

impl<A: App> Service<Request<Incoming>> for Front<A> {
    type Response = Response<FrontBody<A::ResBody>>;
    type Error = A::Error;
    type Future = FrontFuture<A>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_flight = InFlight::begin(self.traffic.clone(), self.shared.in_flight.clone());
        let endpoints = self.shared.endpoints.as_ref();
        let probe = endpoints
            .and_then(|endpoints| endpoints.answer(request.method(), request.uri().path()));
        let version = request.version();
        let source = match probe {
            Some(mut answer) => {
                // Not observed, and still every response can be spoken of by its id.
                let id = RequestId::settle(request.headers_mut(), &self.shared.redactor);
                answer
                    .headers_mut()
                    .insert(RequestId::HEADER, id.header_value());
                Source::Probe {
                    answer: Some(answer),
                }
            }
            None => {
                request.extensions_mut().insert(self.peer);
                Source::App {
                    future: self.app.call(request),
                }
            }
        };
        FrontFuture {
            source,
            shared: self.shared.clone(),
            in_flight: Arc::new(in_flight),
            version,
        }
    }
}

pin_project! {
    /// Waits for the response head.
    pub(super) struct FrontFuture<A: App> {
        #[pin]
        source: Source<TowerToHyperServiceFuture<A, Request<Incoming>>>,
        shared: Arc<Shared>,
        in_flight: Arc<InFlight>,
        version: Version,
    }
}

pin_project! {
    #[project = ProjectedSource]
    enum Source<F> {
        Probe { answer: Option<Answer> },
        App { #[pin] future: F },
    }
}

impl<A: App> Future for FrontFuture<A> {
    type Output = Result<Response<FrontBody<A::ResBody>>, A::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match this.source.project() {
            ProjectedSource::Probe { answer } => match answer.take() {
                Some(answer) => answer.map(|content| Content::Own { content }),
                // Polled again after it was done, which a server does not do.
                None => return Poll::Pending,
            },
            ProjectedSource::App { future } => {
                ready!(future.poll(cx))?.map(|body| Content::App { body })
            }
        };
        // HTTP/2 has no such header; its connections are told to go away when the drain begins.
        if *this.version <= Version::HTTP_11 && this.shared.health.is_stopping() {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(
            response.map(|content| FrontBody::new(content, this.in_flight.clone()))
        ))
    }
}
