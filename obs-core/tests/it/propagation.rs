//! The W3C trace context test suite's cases, and hostile input.

use std::collections::{BTreeMap, HashMap};

use obs_core::propagation::{Extract, SpanId, TraceContext, TraceFlags, TraceId, TraceState};

const TRACE: &str = "12345678901234567890123456789012";
const PARENT: &str = "00-12345678901234567890123456789012-1234567890123456-01";

/// Header lines in their order, as a server receives them.
struct Lines<'l>(&'l [(&'l str, &'l [u8])]);

impl Extract for Lines<'_> {
    fn values<'c>(&'c self, name: &str) -> impl Iterator<Item = &'c [u8]> {
        self.0
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }
}

fn state_of(lines: &[&str]) -> Option<TraceState> {
    let mut headers = vec![("traceparent", PARENT.as_bytes())];
    headers.extend(lines.iter().map(|line| ("tracestate", line.as_bytes())));
    let state = TraceContext::extract(&Lines(&headers))
        .expect("a valid traceparent")
        .state()
        .clone();
    (!state.is_empty()).then_some(state)
}

#[test]
fn traceparent_follows_the_standard_to_the_letter() {
    let check = |value: &str, accepted: bool| {
        let lines = [("traceparent", value.as_bytes())];
        let context = TraceContext::extract(&Lines(&lines));
        assert_eq!(context.is_some(), accepted, "{value:?}");
        assert_eq!(value.parse::<TraceContext>().is_ok(), accepted, "{value:?}");
        if let Some(context) = context {
            assert_eq!(context.trace_id.to_string(), TRACE);
            assert!(context.traceparent().starts_with("00-"));
        }
    };
    VALID.iter().for_each(|value| check(value, true));
    INVALID.iter().for_each(|value| check(value, false));
}

#[test]
fn two_traceparents_are_none() {
    let twice = [
        ("traceparent", PARENT.as_bytes()),
        ("TraceParent", PARENT.as_bytes()),
    ];
    assert_eq!(TraceContext::extract(&Lines(&twice)), None);
}

#[test]
fn only_the_defined_flags_are_passed_on() {
    let check = |bits: &str, expected: &str| {
        let context: TraceContext = format!("00-{TRACE}-1234567890123456-{bits}")
            .parse()
            .unwrap();
        assert_eq!(
            context.traceparent(),
            format!("00-{TRACE}-1234567890123456-{expected}")
        );
    };
    check("00", "00");
    check("01", "01");
    check("02", "02");
    check("fc", "00");
    check("ff", "03");
}

#[test]
fn header_names_match_in_any_case() {
    for name in ["traceparent", "TraceParent", "TRACEPARENT"] {
        let map = HashMap::from([(name.to_owned(), PARENT.to_owned())]);
        assert!(TraceContext::extract(&map).is_some(), "{name}");
    }
}

#[test]
fn tracestate_is_read_as_one_list() {
    let check = |lines: &[&str], expected: &str| {
        let state = state_of(lines);
        assert_eq!(
            state.as_ref().map_or("", TraceState::as_str),
            expected,
            "{lines:?}"
        );
    };
    check(&["foo=1,bar=2"], "foo=1,bar=2");
    check(
        &["foo=1", "bar=2", "rojo=1,congo=2,baz=3"],
        "foo=1,bar=2,rojo=1,congo=2,baz=3",
    );
    check(&["foo=1", ""], "foo=1");
    check(&["", "foo=1"], "foo=1");
    check(&[""], "");
    check(&["foo=1,,bar=2, ,"], "foo=1,bar=2");
    check(&["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3");
    check(&["foo=1\t", "\tbar=2 "], "foo=1,bar=2");
    // The first of duplicates stays.
    check(&["foo=1,foo=1"], "foo=1");
    check(&["foo=1,bar=0,foo=2"], "foo=1,bar=0");
    check(&["foo=1", "foo=2,bar=3"], "foo=1,bar=3");
    // White space within a value belongs to it.
    check(&["foo= 1 2"], "foo= 1 2");
}

#[test]
fn one_bad_member_drops_the_whole_tracestate() {
    let long =
        |tenant: usize, system: usize| format!("{}@{}=1", "t".repeat(tenant), "v".repeat(system));
    let key = |length: usize| format!("{}=1", "z".repeat(length));
    let value = |length: usize| format!("foo={}", "v".repeat(length));
    let check = |member: &str, accepted: bool| {
        assert_eq!(state_of(&[member]).is_some(), accepted, "{member:?}");
        assert_eq!(
            state_of(&["ok=1", member]).is_some(),
            accepted,
            "{member:?}"
        );
    };
    for bad in [
        "foo",
        "foo=",
        "=1",
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "foo@=1,bar=2",
        "@foo=1,bar=2",
        "foo@@bar=1,bar=2",
        "foo@bar@baz=1,bar=2",
        "foo@1bar=1",
        "foo=1=2",
        "foo=bar=baz",
        "foo=,bar=3",
        "foo=\u{e9}",
        "f\u{e9}=1",
        "foo=a\tb",
        "foo=a\u{7f}",
        "foo=1\u{0}",
        "_foo=1",
        "-foo=1",
    ] {
        check(bad, false);
    }
    check("0foo=1", true);
    check("foo@bar=1", true);
    check("1-*/_a@b-*/_1=x", true);
    check(&key(256), true);
    check(&key(257), false);
    check(&long(241, 14), true);
    check(&long(242, 14), false);
    check(&long(241, 15), false);
    check(&value(256), true);
    check(&value(257), false);
    let every: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
    check(
        &format!("abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/={every}"),
        true,
    );
}

#[test]
fn more_than_32_members_drop_the_whole_tracestate() {
    let members = |count: usize| {
        (0..count)
            .map(|i| format!("bar{i:02}={i:02}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(state_of(&[&members(32)]).unwrap().as_str(), members(32));
    assert_eq!(state_of(&[&members(33)]), None);
    assert_eq!(state_of(&[&members(32), "foo=1"]), None);
    assert_eq!(state_of(&["foo=1,".repeat(33).as_str()]), None);
}

#[test]
fn tracestate_without_a_valid_traceparent_is_dropped() {
    let orphan = [("tracestate", b"foo=1".as_slice())];
    assert_eq!(TraceContext::extract(&Lines(&orphan)), None);
    let invalid = [
        ("traceparent", b"00-0-0-00".as_slice()),
        ("tracestate", b"foo=1"),
    ];
    assert_eq!(TraceContext::extract(&Lines(&invalid)), None);
}

#[test]
fn long_tracestate_is_shortened_by_whole_members() {
    let injected = |list: &str| {
        let state = TraceState::parse([list.as_bytes()]).unwrap();
        let context = TraceContext::new(TraceId::random(), SpanId::random(), TraceFlags::SAMPLED);
        let mut carrier = BTreeMap::new();
        context.with_state(state).inject(&mut carrier);
        carrier.remove("tracestate").unwrap_or_default()
    };
    let member = |key: &str, length: usize| format!("{key}={}", "v".repeat(length - key.len() - 1));
    // Up to 512 characters everything is forwarded, long members included.
    let fits = [member("a", 255), member("b", 256)].join(",");
    assert_eq!(fits.len(), 512);
    assert_eq!(injected(&fits), fits);
    // Members of more than 128 characters go first, wherever they stand, and only as many as needed.
    let (small, large) = (member("s", 128), member("l", 129));
    let list = [member("first", 200), large, small.clone(), member("t", 100)].join(",");
    assert_eq!(
        injected(&list),
        [member("first", 200), small, member("t", 100)].join(",")
    );
    // Then the last members go.
    let many: Vec<String> = (0..32).map(|i| member(&format!("k{i}"), 50)).collect();
    assert_eq!(injected(&many.join(",")), many[..10].join(","));
    assert!(injected(&[member("a", 256), member("b", 257)].join(",")).starts_with("a="));
}

#[test]
fn inject_replaces_what_was_there() {
    let context: TraceContext = PARENT.parse().unwrap();
    let mut carrier = HashMap::from([("Traceparent".to_owned(), "stale".to_owned())]);
    context.inject(&mut carrier);
    assert_eq!(
        carrier,
        HashMap::from([("traceparent".to_owned(), PARENT.to_owned())])
    );
}

#[test]
fn errors_say_what_is_wrong() {
    let check = |value: &str, expected: &str| {
        let error = value.parse::<TraceContext>().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check("00", "55 characters");
    check(
        "ff-12345678901234567890123456789012-1234567890123456-01",
        "version ff",
    );
    check(
        "00-00000000000000000000000000000000-1234567890123456-01",
        "zeros",
    );
    check(
        "00-1234567890123456789012345678901A-1234567890123456-01",
        "hexadecimal",
    );
}

#[test]
fn hostile_bytes_are_no_context() {
    let mut garbage = PARENT.as_bytes().to_vec();
    for position in 0..garbage.len() {
        for byte in [0, b'\r', b'\n', 0x80, 0xff] {
            let kept = std::mem::replace(&mut garbage[position], byte);
            assert!(TraceContext::parse(&garbage).is_err(), "{position} {byte}");
            garbage[position] = kept;
        }
    }
    assert!(TraceContext::parse(&vec![b'0'; 1 << 20]).is_err());
    let megabytes = vec![b','; 4 << 20];
    assert_eq!(
        TraceState::parse([megabytes.as_slice()]),
        Some(TraceState::empty())
    );
    assert_eq!(TraceState::parse([b"\xff\xfe=\x00".as_slice()]), None);
}

const VALID: &[&str] = &[
    PARENT,
    "cc-12345678901234567890123456789012-1234567890123456-01",
    "cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
    "cc-12345678901234567890123456789012-1234567890123456-01-",
    "00-12345678901234567890123456789012-1234567890123456-ff",
];

const INVALID: &[&str] = &[
    "",
    "00",
    "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
    "ff-12345678901234567890123456789012-1234567890123456-01",
    ".0-12345678901234567890123456789012-1234567890123456-01",
    "0.-12345678901234567890123456789012-1234567890123456-01",
    "000-12345678901234567890123456789012-1234567890123456-01",
    "0-12345678901234567890123456789012-1234567890123456-01",
    "00-12345678901234567890123456789012-1234567890123456-01.",
    "00-12345678901234567890123456789012-1234567890123456-01-what",
    "00-12345678901234567890123456789012-1234567890123456-01 ",
    "00-00000000000000000000000000000000-1234567890123456-01",
    "00-12345678901234567890123456789012-0000000000000000-01",
    "00-.2345678901234567890123456789012-1234567890123456-01",
    "00-1234567890123456789012345678901.-1234567890123456-01",
    "00-1234567890123456789012345678901A-1234567890123456-01",
    "00-12345678901234567890123456789012-.234567890123456-01",
    "00-12345678901234567890123456789012-123456789012345.-01",
    "00-12345678901234567890123456789012-123456789012345B-01",
    "00-123456789012345678901234567890123-1234567890123456-01",
    "00-1234567890123456789012345678901-1234567890123456-01",
    "00-12345678901234567890123456789012-12345678901234567-01",
    "00-12345678901234567890123456789012-123456789012345-01",
    "00-12345678901234567890123456789012-1234567890123456-.0",
    "00-12345678901234567890123456789012-1234567890123456-0.",
    "00-12345678901234567890123456789012-1234567890123456-001",
    "00-12345678901234567890123456789012-1234567890123456-1",
    "00-12345678901234567890123456789012-1234567890123456-0A",
    "00_12345678901234567890123456789012_1234567890123456_01",
    " 00-12345678901234567890123456789012-1234567890123456-01",
];
