//! The `tracestate` list: what tracing systems on the way have noted for themselves.

use std::fmt;
use std::sync::Arc;

/// A validated list of at most 32 `key=value` members, in the order of the header.
///
/// Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TraceState(Option<Arc<str>>);

impl TraceState {
    /// A list without members.
    #[must_use]
    pub const fn empty() -> Self {
        Self(None)
    }

    /// Reads all `tracestate` lines of a message, in their order.
    ///
    /// Empty members are skipped, and of members with the same key the first stays. None if any
    /// member is not valid or there are more than 32, since then the whole list must be dropped.
    #[must_use]
    pub fn parse<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> Option<Self> {
        let mut members: Vec<(&str, &str)> = Vec::new();
        let mut count = 0;
        for member in lines
            .into_iter()
            .flat_map(|line| line.split(|byte| *byte == b','))
        {
            let member = trim(member);
            if member.is_empty() {
                continue;
            }
            count += 1;
            let (key, value) = parse_member(member)?;
            if count > MAX_MEMBERS {
                return None;
            }
            if members.iter().all(|(known, _)| *known != key) {
                members.push((key, value));
            }
        }
        if members.is_empty() {
            return Some(Self::empty());
        }
        let list: Vec<String> = members
            .into_iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        Some(Self(Some(list.join(",").into())))
    }

    /// The value that a tracing system noted.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.members()
            .filter_map(|member| member.split_once('='))
            .find_map(|(k, v)| (k == key).then_some(v))
    }

    /// Whether there is no member.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The list as one header value, of any length.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The list as one header value of at most 512 characters, without cutting a member in two.
    pub(super) fn shortened(&self) -> String {
        let mut length = self.as_str().len();
        if length <= MAX_LENGTH {
            return self.as_str().to_owned();
        }
        let mut members: Vec<&str> = self.members().collect();
        // The standard names long members as the first to go; of these, again the last first.
        for index in (0..members.len()).rev() {
            let long = members.get(index).map_or(0, |member| member.len());
            if length > MAX_LENGTH && long > MAX_KEPT_MEMBER {
                members.remove(index);
                length -= long + 1;
            }
        }
        while length > MAX_LENGTH
            && let Some(last) = members.pop()
        {
            length -= last.len() + 1;
        }
        members.join(",")
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        self.as_str().split(',').filter(|member| !member.is_empty())
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceState").field(&self.as_str()).finish()
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// White space is allowed round a member; within a value it belongs to the value.
fn trim(mut member: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = member {
        member = rest;
    }
    member
}

fn parse_member(member: &[u8]) -> Option<(&str, &str)> {
    let (key, value) = str::from_utf8(member).ok()?.split_once('=')?;
    (is_key(key.as_bytes()) && is_value(value.as_bytes())).then_some((key, value))
}

/// `key` or, for systems with many tenants, `tenant@system`.
fn is_key(key: &[u8]) -> bool {
    let mut parts = key.splitn(2, |byte| *byte == b'@');
    match (parts.next(), parts.next()) {
        (Some(key), None) => is_key_part(key, 256),
        (Some(tenant), Some(system)) => {
            is_key_part(tenant, 241)
                && is_key_part(system, 14)
                && system.first().is_some_and(u8::is_ascii_lowercase)
        }
        _ => false,
    }
}

fn is_key_part(part: &[u8], max: usize) -> bool {
    let [first, rest @ ..] = part else {
        return false;
    };
    part.len() <= max
        && (first.is_ascii_lowercase() || first.is_ascii_digit())
        && rest
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/'))
}

fn is_value(value: &[u8]) -> bool {
    (1..=256).contains(&value.len())
        && value
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'='))
        && value.last() != Some(&b' ')
}

const MAX_MEMBERS: usize = 32;
/// The length that the standard asks to forward at least; we bound it there.
const MAX_LENGTH: usize = 512;
/// Longer members are the first to go.
const MAX_KEPT_MEMBER: usize = 128;
