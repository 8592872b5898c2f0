//! What a field's name decides: whether its value may be seen, and where it stands in a log line.
//!
//! Names are `&'static str` in `tracing`, so a decision is cached by address: a hit costs a few
//! nanoseconds where splitting the name into words costs tens.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use obs_redact::Redactor;

/// A place of its own at the head of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ContextKey {
    RequestId,
    UserId,
    Ip,
    Method,
    Path,
    Route,
    StatusCode,
    Duration,
}

impl ContextKey {
    pub(crate) const COUNT: usize = 8;

    /// In the order in which a line shows them.
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::RequestId,
        Self::UserId,
        Self::Ip,
        Self::Method,
        Self::Path,
        Self::Route,
        Self::StatusCode,
        Self::Duration,
    ];

    /// The key that an attribute of the semantic conventions fills.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "request.id" => Self::RequestId,
            "user.id" => Self::UserId,
            "client.address" => Self::Ip,
            "http.request.method" => Self::Method,
            "url.path" => Self::Path,
            "http.route" => Self::Route,
            "http.response.status_code" => Self::StatusCode,
            "http.server.request.duration" => Self::Duration,
            _ => return None,
        })
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// A field that steers the record instead of being data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Message,
    OtelName,
    OtelKind,
    OtelStatusCode,
    OtelStatusDescription,
    LogBridge,
}

/// Everything that a name decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameRule {
    pub(crate) sensitive: bool,
    pub(crate) form: Form,
    pub(crate) context: Option<ContextKey>,
    pub(crate) control: Option<Control>,
}

/// What kind of text a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Free,
    /// A URL or the path of one: secrets may stand behind percent-encoding.
    Url,
    /// The query of a URL.
    Query,
}

impl Form {
    fn of(name: &str) -> Self {
        match name {
            "url.full" | "url.original" | "url.path" | "url" | "uri" | "http.url"
            | "http.target" => Self::Url,
            "url.query" => Self::Query,
            _ => Self::Free,
        }
    }
}

/// The name rules of one pipeline.
#[derive(Clone, Debug)]
pub(crate) struct NameRules {
    redactor: Redactor,
    /// Tells the entries of two pipelines apart in the per-thread cache.
    generation: u32,
}

impl NameRules {
    pub(crate) fn new(redactor: Redactor) -> Arc<Self> {
        static GENERATION: AtomicU32 = AtomicU32::new(1);
        Arc::new(Self {
            redactor,
            generation: GENERATION.fetch_add(1, Ordering::Relaxed),
        })
    }

    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The rule of a name.
    pub(crate) fn rule(&self, name: &'static str) -> NameRule {
        // A thread that ends has no cache any more, and may still have something to say.
        let cached = CACHE.try_with(|cache| {
            let mut cache = cache.borrow_mut();
            let slot = cache.get_mut(slot_of(name))?;
            if let Some((known, generation, rule)) = slot
                && std::ptr::eq(known.as_ptr(), name.as_ptr())
                && known.len() == name.len()
                && *generation == self.generation
            {
                return Some(*rule);
            }
            let rule = self.decide(name);
            *slot = Some((name, self.generation, rule));
            Some(rule)
        });
        cached.ok().flatten().unwrap_or_else(|| self.decide(name))
    }

    fn decide(&self, name: &str) -> NameRule {
        let control = match name {
            "message" => Some(Control::Message),
            "otel.name" => Some(Control::OtelName),
            "otel.kind" => Some(Control::OtelKind),
            "otel.status_code" => Some(Control::OtelStatusCode),
            "otel.status_description" | "otel.status_message" => {
                Some(Control::OtelStatusDescription)
            }
            "log.target" | "log.module_path" | "log.file" | "log.line" => Some(Control::LogBridge),
            _ => None,
        };
        NameRule {
            sensitive: control.is_none() && self.redactor.is_sensitive_field(name),
            form: Form::of(name),
            context: ContextKey::of(name),
            control,
        }
    }
}

type Slot = Option<(&'static str, u32, NameRule)>;

const SLOTS: usize = 512;

thread_local! {
    static CACHE: RefCell<Vec<Slot>> = RefCell::new(vec![None; SLOTS]);
}

/// Makes the cache of this thread, if it has none yet.
pub(super) fn touch_cache() {
    CACHE.with_borrow(|_| ());
}

/// Neighbouring literals differ in the low bits of the address, distant ones in the middle bits.
fn slot_of(name: &str) -> usize {
    let address = name.as_ptr().addr();
    (address ^ (address >> 9) ^ (name.len() << 3)) % SLOTS
}
