//! Who emits: service, environment, instance, host.

use std::fmt;

use crate::config::Reader;
use crate::propagation::TraceId;

/// The kind of deployment, by `APP_ENV`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Environment {
    /// A laptop: readable console, everything sampled.
    Development,
    /// Like production.
    Staging,
    /// Files and OTLP, one trace in ten.
    Production,
}

impl Environment {
    /// The value of `deployment.environment.name`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    pub(crate) fn read(reader: &Reader<'_>, default: Self) -> Self {
        reader.parse(
            "APP_ENV",
            "development, staging or production",
            default,
            |text| {
                Some(match text.to_ascii_lowercase().as_str() {
                    "development" | "dev" => Self::Development,
                    "staging" => Self::Staging,
                    "production" | "prod" => Self::Production,
                    _ => return None,
                })
            },
        )
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What every log line says of its origin.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) service: String,
    pub(crate) environment: String,
    pub(crate) version: String,
}

/// The attributes of everything that is exported.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    attributes: Vec<(String, String)>,
}

/// What the program says of itself; the environment fills what is missing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    /// Set by an explicit call: wins over the environment.
    pub(crate) service: Option<String>,
    pub(crate) version: Option<String>,
    /// From the caller's package: yields to the environment.
    pub(crate) package: Option<(&'static str, &'static str)>,
}

impl Resource {
    /// Explicit call, then `OTEL_SERVICE_NAME`, then `OTEL_RESOURCE_ATTRIBUTES`, then the package.
    pub(crate) fn read(reader: &Reader<'_>, named: &Named, environment: Environment) -> Self {
        let mut resource = Self {
            attributes: Vec::new(),
        };
        let mut offer = |key: &str, value: Option<String>| {
            if let Some(value) = value.filter(|_| !resource.has(key)) {
                resource.attributes.push((key.to_owned(), value));
            }
        };
        offer("service.name", named.service.clone());
        offer("service.version", named.version.clone());
        offer(
            "service.name",
            reader.text("OTEL_SERVICE_NAME").map(str::to_owned),
        );
        for (key, value) in environment_attributes(reader) {
            offer(&key, Some(value));
        }
        offer(
            "service.name",
            named.package.map(|(name, _)| name.to_owned()),
        );
        offer("service.name", Some("unknown_service".to_owned()));
        offer(
            "service.version",
            named.package.map(|(_, version)| version.to_owned()),
        );
        // Tells replicas apart: a backend that merges their counters shows nonsense.
        offer("service.instance.id", Some(instance_id()));
        offer("deployment.environment.name", Some(environment.to_string()));
        offer("host.name", host_name());
        offer("telemetry.sdk.name", Some("obs-core".to_owned()));
        offer("telemetry.sdk.language", Some("rust".to_owned()));
        offer(
            "telemetry.sdk.version",
            Some(env!("CARGO_PKG_VERSION").to_owned()),
        );
        resource
    }

    pub(crate) fn attributes(&self) -> &[(String, String)] {
        &self.attributes
    }

    pub(crate) fn identity(&self) -> Identity {
        let text = |key| self.value(key).unwrap_or_default().to_owned();
        Identity {
            service: text("service.name"),
            environment: text("deployment.environment.name"),
            version: text("service.version"),
        }
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }

    fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }
}

/// Reads `OTEL_RESOURCE_ATTRIBUTES`: `key=value` pairs with percent-encoded values.
fn environment_attributes(reader: &Reader<'_>) -> Vec<(String, String)> {
    let Some(text) = reader.text("OTEL_RESOURCE_ATTRIBUTES") else {
        return Vec::new();
    };
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    let parsed = pairs.map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let key = key.trim();
        (!key.is_empty()).then_some(())?;
        Some((percent_decode(key)?, percent_decode(value.trim())?))
    });
    // The specification asks to discard the whole value where a part of it is mistaken.
    parsed.collect::<Option<Vec<_>>>().unwrap_or_else(|| {
        let expected = "key=value pairs, separated by commas, percent-encoded";
        reader.problem(
            "OTEL_RESOURCE_ATTRIBUTES",
            text,
            expected,
            "no attributes from it",
        );
        Vec::new()
    })
}

/// Decodes `%41`; none where it is not UTF-8 or a percent sign stands alone.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            decoded.push(u8::try_from(value).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

/// A version 4 UUID (RFC 9562), as the semantic conventions recommend for `service.instance.id`.
fn instance_id() -> String {
    let mut bytes = TraceId::random().to_bytes();
    if let Some(version) = bytes.get_mut(6) {
        *version = *version & 0x0F | 0x40;
    }
    if let Some(variant) = bytes.get_mut(8) {
        *variant = *variant & 0x3F | 0x80;
    }
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        use fmt::Write as _;

        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _always = write!(text, "{byte:02x}");
    }
    text
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Env;

    fn resource(pairs: &[(&str, &str)], named: &Named) -> (Resource, usize) {
        let env = Env::from_pairs(pairs.iter().copied());
        let reader = Reader::new(&env);
        let resource = Resource::read(&reader, named, Environment::Production);
        (resource, reader.into_problems().len())
    }

    #[test]
    fn explicit_wins_over_environment_over_package() {
        let package = Named {
            package: Some(("shop", "1.2.3")),
            ..Named::default()
        };
        let explicit = Named {
            service: Some("till".to_owned()),
            ..package.clone()
        };
        let both = [
            ("OTEL_SERVICE_NAME", "env"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=attr,team=a%20b"),
        ];
        let name = |pairs: &[(&str, &str)], named| resource(pairs, named).0.identity().service;
        assert_eq!(name(&both, &explicit), "till");
        assert_eq!(name(&both, &package), "env");
        assert_eq!(name(&both[1..], &package), "attr");
        assert_eq!(name(&[], &package), "shop");
        assert_eq!(name(&[], &Named::default()), "unknown_service");
        assert_eq!(resource(&both, &package).0.value("team"), Some("a b"));
        assert_eq!(resource(&[], &package).0.identity().version, "1.2.3");
    }

    #[test]
    fn mistaken_attributes_are_told() {
        for text in ["novalue", "=x", "a=%zz", "a=%e9"] {
            assert_eq!(
                resource(&[("OTEL_RESOURCE_ATTRIBUTES", text)], &Named::default()).1,
                1,
                "{text}"
            );
        }
    }

    #[test]
    fn instances_have_distinct_uuids() {
        let (first, second) = (instance_id(), instance_id());
        assert_ne!(first, second);
        assert_eq!(first.len(), 36);
        assert_eq!(first.as_bytes()[14], b'4');
    }
}
