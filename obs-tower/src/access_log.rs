//! The access log: one event for each request, written when its last frame is out.

use tracing::{Span, field};

use crate::client_addr::ClientAddr;

/// What the access log says of one finished request.
#[derive(Debug)]
pub(crate) struct AccessRecord<'r> {
    pub(crate) method: &'static str,
    pub(crate) path: &'r str,
    pub(crate) client: Option<ClientAddr>,
    pub(crate) status: u16,
    pub(crate) error_type: Option<&'r str>,
    pub(crate) seconds: f64,
}

/// Writes the event inside the request's span, from which every log record takes the request id,
/// the method and the route.
pub(crate) fn write(span: &Span, record: &AccessRecord<'_>) {
    let AccessRecord {
        method,
        path,
        client,
        status,
        error_type,
        seconds,
    } = *record;
    tracing::info!(
        target: "obs::access",
        parent: span,
        {
            url.path = path,
            client.address = client.map(|client| field::display(client.ip())),
            http.response.status_code = status,
            http.server.request.duration = seconds,
            "error.type" = error_type,
        },
        "HTTP {method} {path}"
    );
}
