//! Typed fields of one event or span, after redaction.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::Range;

use tracing::field::{Field, Visit};

use super::name::{Control, Form, NameRule, NameRules};
use super::{ContextKey, foreign};

/// A typed value; text lies in the buffer of its [`Fields`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'t> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'t str),
}

/// One field.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) context: Option<ContextKey>,
    value: Stored,
}

#[derive(Clone, Debug)]
enum Stored {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Range<usize>),
}

/// Fields in the order of recording; one buffer holds all texts, so that a record of any number of
/// fields costs two allocations, and none when the buffers are reused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    entries: Vec<Entry>,
    text: String,
    /// Bytes of the text that belong to values which were replaced.
    dead: usize,
    message: Range<usize>,
    otel_name: Range<usize>,
    kind: SpanKind,
    status: Status,
    status_description: Range<usize>,
    log_target: Range<usize>,
}

/// What a span is, as the protocol numbers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SpanKind {
    #[default]
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

/// How a span ended, as the protocol numbers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    #[default]
    Unset = 0,
    Ok = 1,
    Error = 2,
}

impl Fields {
    pub(crate) fn clear(&mut self) {
        let Self {
            entries,
            text,
            dead,
            message,
            otel_name,
            kind,
            status,
            status_description,
            log_target,
        } = self;
        entries.clear();
        text.clear();
        *dead = 0;
        (*message, *otel_name, *status_description, *log_target) = (0..0, 0..0, 0..0, 0..0);
        (*kind, *status) = (SpanKind::default(), Status::default());
    }

    /// Gives back memory beyond `kept` bytes.
    pub(crate) fn shrink(&mut self, kept: usize) {
        self.clear();
        self.text.shrink_to(kept);
        self.entries.shrink_to(kept / size_of::<Entry>());
    }

    /// The fields in order, without those that steer the record.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Entry, Value<'_>)> {
        self.entries.iter().map(|entry| (entry, self.value(entry)))
    }

    fn value(&self, entry: &Entry) -> Value<'_> {
        match &entry.value {
            Stored::Bool(value) => Value::Bool(*value),
            Stored::Int(value) => Value::Int(*value),
            Stored::Double(value) => Value::Double(*value),
            Stored::Text(range) => Value::Text(self.slice(range)),
        }
    }

    /// Whether one of the fields fills this context key.
    #[cfg(feature = "otlp")]
    pub(crate) fn has(&self, key: ContextKey) -> bool {
        self.entries.iter().any(|entry| entry.context == Some(key))
    }

    pub(crate) fn message(&self) -> &str {
        self.slice(&self.message)
    }

    /// The name given by `otel.name`.
    pub(crate) fn otel_name(&self) -> Option<&str> {
        Some(self.slice(&self.otel_name)).filter(|name| !name.is_empty())
    }

    pub(crate) fn kind(&self) -> SpanKind {
        self.kind
    }

    pub(crate) fn status(&self) -> Status {
        self.status
    }

    pub(crate) fn status_description(&self) -> &str {
        self.slice(&self.status_description)
    }

    /// The target of a record that came through the `log` bridge.
    pub(crate) fn log_target(&self) -> Option<&str> {
        Some(self.slice(&self.log_target)).filter(|target| !target.is_empty())
    }

    fn slice(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// A visitor that redacts what it records.
    pub(crate) fn recorder<'f>(&'f mut self, rules: &'f NameRules) -> Recorder<'f> {
        Recorder {
            fields: self,
            rules,
        }
    }

    /// A copy for a span, with some room for what is recorded later.
    pub(crate) fn for_span(&self) -> Self {
        let mut entries = Vec::with_capacity(self.entries.len() + LATER_FIELDS);
        entries.extend_from_slice(&self.entries);
        let mut text = String::with_capacity(self.text.len() + LATER_TEXT);
        text.push_str(&self.text);
        Self {
            entries,
            text,
            dead: self.dead,
            message: self.message.clone(),
            otel_name: self.otel_name.clone(),
            kind: self.kind,
            status: self.status,
            status_description: self.status_description.clone(),
            log_target: self.log_target.clone(),
        }
    }

    /// Takes over the fields of `other`, which were recorded later.
    pub(crate) fn merge(&mut self, other: &Self) {
        let offset = self.text.len();
        self.text.push_str(&other.text);
        let moved = |range: &Range<usize>| range.start + offset..range.end + offset;
        for entry in &other.entries {
            let value = match &entry.value {
                Stored::Text(range) => Stored::Text(moved(range)),
                plain => plain.clone(),
            };
            let rule = NameRule {
                sensitive: false,
                form: Form::Free,
                context: entry.context,
                control: None,
            };
            self.set(entry.name, rule, value);
        }
        for (own, new) in [
            (&mut self.message, &other.message),
            (&mut self.otel_name, &other.otel_name),
            (&mut self.status_description, &other.status_description),
        ] {
            if !new.is_empty() {
                self.dead += own.len();
                *own = moved(new);
            }
        }
        if other.kind != SpanKind::default() {
            self.kind = other.kind;
        }
        if other.status != Status::default() {
            self.status = other.status;
        }
        if self.dead > COMPACT_FROM && self.dead > self.text.len() / 2 {
            self.compact();
        }
    }

    /// Drops the texts of replaced values: a span may live for days and be recorded to for ever.
    fn compact(&mut self) {
        let old = std::mem::take(&mut self.text);
        let text = &mut self.text;
        let mut keep = |range: &mut Range<usize>| {
            let start = text.len();
            text.push_str(old.get(range.clone()).unwrap_or_default());
            *range = start..text.len();
        };
        for entry in &mut self.entries {
            if let Stored::Text(range) = &mut entry.value {
                keep(range);
            }
        }
        keep(&mut self.message);
        keep(&mut self.otel_name);
        keep(&mut self.status_description);
        keep(&mut self.log_target);
        self.dead = 0;
    }

    /// Sets a field to an already redacted value; a field that exists is replaced, as
    /// `Span::record` promises.
    fn set(&mut self, name: &'static str, rule: NameRule, value: Stored) {
        let known = |entry: &&mut Entry| std::ptr::eq(entry.name, name) || entry.name == name;
        let Some(entry) = self.entries.iter_mut().find(known) else {
            self.entries.push(Entry {
                name,
                context: rule.context,
                value,
            });
            return;
        };
        if let Stored::Text(replaced) = std::mem::replace(&mut entry.value, value) {
            self.dead += replaced.len();
        }
    }

    /// Appends text that `write` produces, redacted, and tells where it lies.
    fn push_text(
        &mut self,
        redact: impl FnOnce(&str) -> Cow<'_, str>,
        write: impl FnOnce(&mut String),
    ) -> Range<usize> {
        let start = self.text.len();
        write(&mut self.text);
        let replaced = match redact(self.text.get(start..).unwrap_or_default()) {
            Cow::Borrowed(same) if same.len() == self.text.len() - start => None,
            changed => Some(changed.into_owned()),
        };
        if let Some(replaced) = replaced {
            self.text.truncate(start);
            self.text.push_str(&replaced);
        }
        start..self.text.len()
    }
}

/// Less is not worth moving.
const COMPACT_FROM: usize = 1024;

const LATER_FIELDS: usize = 2;
const LATER_TEXT: usize = 16;

/// Records fields into [`Fields`]; the only way in, and it redacts.
pub(crate) struct Recorder<'f> {
    fields: &'f mut Fields,
    rules: &'f NameRules,
}

impl Recorder<'_> {
    /// Records a value that is not text.
    fn plain(&mut self, name: &'static str, value: Stored) {
        let rule = self.rules.rule(name);
        if rule.sensitive {
            return self.marker(name, rule);
        }
        match rule.control {
            None if self.is_secret_number(&value) => self.marker(name, rule),
            None => self.fields.set(name, rule, value),
            Some(Control::LogBridge) => {}
            Some(_) => self.text(name, |text| match value {
                Stored::Bool(value) => push_display(text, value),
                Stored::Int(value) => push_display(text, value),
                Stored::Double(value) => push_display(text, value),
                Stored::Text(_) => {}
            }),
        }
    }

    /// Whether an integer is a card number of the usual 15 or 16 digits. Longer ones are more often
    /// ids and times than cards.
    fn is_secret_number(&self, value: &Stored) -> bool {
        let Stored::Int(number @ 100_000_000_000_000..=9_999_999_999_999_999) = value else {
            return false;
        };
        let digits = number.to_string();
        matches!(self.rules.redactor().redact_text(&digits), Cow::Owned(_))
    }

    /// Records text that `write` appends.
    pub(crate) fn text(&mut self, name: &'static str, write: impl FnOnce(&mut String)) {
        let rule = self.rules.rule(name);
        if rule.sensitive {
            return self.marker(name, rule);
        }
        let redactor = self.rules.redactor();
        let range = self.fields.push_text(
            |text| match rule.form {
                Form::Free => redactor.redact_text(text),
                Form::Url => redactor.redact_url(text),
                Form::Query => redactor.redact_query(text),
            },
            write,
        );
        match rule.control {
            None => self.fields.set(name, rule, Stored::Text(range)),
            Some(control) => self.control(name, control, range),
        }
    }

    fn marker(&mut self, name: &'static str, rule: NameRule) {
        let start = self.fields.text.len();
        self.fields.text.push_str(obs_redact::REDACTED);
        let range = start..self.fields.text.len();
        self.fields.set(name, rule, Stored::Text(range));
    }

    fn control(&mut self, name: &'static str, control: Control, range: Range<usize>) {
        let fields = &mut *self.fields;
        match control {
            Control::Message => fields.message = range,
            Control::OtelName => fields.otel_name = range,
            Control::OtelStatusDescription => fields.status_description = range,
            Control::OtelKind => {
                fields.kind = match fields.slice(&range).to_ascii_lowercase().as_str() {
                    "server" => SpanKind::Server,
                    "client" => SpanKind::Client,
                    "producer" => SpanKind::Producer,
                    "consumer" => SpanKind::Consumer,
                    _ => SpanKind::Internal,
                };
            }
            Control::OtelStatusCode => {
                fields.status = match fields.slice(&range).to_ascii_lowercase().as_str() {
                    "ok" => Status::Ok,
                    "error" => Status::Error,
                    _ => Status::Unset,
                };
            }
            Control::LogBridge if name == "log.target" => fields.log_target = range,
            Control::LogBridge => {}
        }
    }

    /// Records an attribute of the OpenTelemetry API.
    pub(crate) fn attribute(&mut self, name: &'static str, value: &opentelemetry::Value) {
        match value {
            opentelemetry::Value::Bool(value) => self.plain(name, Stored::Bool(*value)),
            opentelemetry::Value::I64(value) => self.plain(name, Stored::Int(*value)),
            opentelemetry::Value::F64(value) => self.plain(name, Stored::Double(*value)),
            other => self.text(name, |text| text.push_str(&other.as_str())),
        }
    }
}

impl Visit for Recorder<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), Stored::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), Stored::Int(value));
    }

    /// OTLP integers are signed; what does not fit is kept exactly, as text.
    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.plain(field.name(), Stored::Int(value)),
            Err(_) => self.text(field.name(), |text| push_display(text, value)),
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.plain(field.name(), Stored::Int(value)),
            Err(_) => self.text(field.name(), |text| push_display(text, value)),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match i64::try_from(value) {
            Ok(value) => self.plain(field.name(), Stored::Int(value)),
            Err(_) => self.text(field.name(), |text| push_display(text, value)),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.plain(field.name(), Stored::Double(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), |text| text.push_str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text(field.name(), |text| foreign::push_error(text, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field.name(), |text| foreign::push_debug(text, value));
    }
}

/// Appends a number or a truth value.
fn push_display(text: &mut String, value: impl fmt::Display) {
    // Writing to a string cannot fail.
    let _always = write!(text, "{value}");
}

#[cfg(test)]
mod tests {
    use obs_redact::Redactor;

    use super::*;

    #[test]
    fn a_field_that_is_recorded_for_ever_takes_no_more_memory() {
        let rules = NameRules::new(Redactor::new());
        let mut span = Fields::default();
        span.recorder(&rules).text("kept", |text| text.push('x'));
        for count in 0..10_000 {
            let mut update = Fields::default();
            update.recorder(&rules).text("state", |text| {
                push_display(text, format_args!("offset {count}"))
            });
            span.merge(&update);
        }
        assert!(span.text.capacity() < 8 * 1024, "{}", span.text.capacity());
        let shown: Vec<String> = span
            .iter()
            .map(|(entry, value)| format!("{}={value:?}", entry.name))
            .collect();
        assert_eq!(shown, ["kept=Text(\"x\")", "state=Text(\"offset 9999\")"]);
    }
}
