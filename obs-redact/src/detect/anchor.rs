//! Finds the literals that a rule starts from and hands each to its rule.

use std::ops::Range;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::{bearer, jwt::Jwt, pair, pem, statement, url, vendor};
use crate::{field::FieldRules, findings::Findings};

/// The searches for all literals.
///
/// Two of them: the vectorised search takes at most 64 literals and gets slower with their number,
/// the general one that takes its place beyond that is six times as slow.
#[derive(Debug)]
pub(crate) struct Anchors {
    vendors: Search,
    shapes: Search,
}

impl Anchors {
    pub(crate) fn new() -> Self {
        Self {
            vendors: Search::new(vendor::prefixes()),
            shapes: Search::new(shapes()),
        }
    }

    /// Finds keys that vendors gave a prefix of their own.
    pub(crate) fn find_vendor_keys(&self, findings: &mut Findings<'_>, rules: &FieldRules) {
        self.vendors.find(findings, rules);
    }

    /// Finds tokens, credentials and keys that have a shape of their own.
    pub(crate) fn find_shapes(&self, findings: &mut Findings<'_>, rules: &FieldRules) {
        self.shapes.find(findings, rules);
    }
}

/// What a literal may be the start of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Vendor(vendor::Key),
    Jwt,
    Pem,
    Userinfo,
    Bearer,
    Basic,
    EncodedPair,
    StatementBy,
    DriverAddress,
}

/// One set of literals, each with its rule.
#[derive(Debug)]
struct Search {
    literals: AhoCorasick,
    anchors: Vec<Anchor>,
}

impl Search {
    #[expect(
        clippy::expect_used,
        reason = "the literals are constants, and every test builds them"
    )]
    fn new(entries: Vec<(String, Anchor)>) -> Self {
        let (literals, anchors): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        Self {
            literals: AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .build(literals)
                .expect("a few short literals fit into any automaton"),
            anchors,
        }
    }

    fn find(&self, findings: &mut Findings<'_>, rules: &FieldRules) {
        let bytes = findings.bytes();
        let mut jwt = Jwt::default();
        let mut done = 0;
        let mut from = 0;
        while let Some(found) = self
            .literals
            .find(Input::new(bytes).span(from..bytes.len()))
        {
            let place = Place {
                bytes,
                done,
                literal: found.range(),
            };
            let secret = match self.anchors.get(found.pattern().as_usize()) {
                Some(Anchor::Vendor(key)) => key.verify(&place),
                Some(Anchor::Jwt) => jwt.verify(&place),
                Some(Anchor::Pem) => pem::verify(&place),
                Some(Anchor::Userinfo) => url::verify(&place),
                Some(Anchor::Bearer) => bearer::verify_bearer(&place),
                Some(Anchor::Basic) => bearer::verify_basic(&place),
                Some(Anchor::EncodedPair) => pair::verify_encoded(&place, rules),
                Some(Anchor::StatementBy) => statement::verify_by(&place),
                Some(Anchor::DriverAddress) => url::verify_driver(&place),
                None => None,
            };
            from = found.start() + 1;
            if let Some(secret) = secret {
                done = secret.end;
                from = from.max(done);
                findings.add(secret);
            }
        }
    }
}

/// A literal in its text.
pub(super) struct Place<'t> {
    pub(super) bytes: &'t [u8],
    /// Everything before is decided; a rule does not look back beyond it.
    pub(super) done: usize,
    pub(super) literal: Range<usize>,
}

fn shapes() -> Vec<(String, Anchor)> {
    let mut shapes: Vec<(String, Anchor)> = [
        ("eyJ", Anchor::Jwt),
        ("-----BEGIN", Anchor::Pem),
        ("://", Anchor::Userinfo),
        ("%3D", Anchor::EncodedPair),
        ("%3d", Anchor::EncodedPair),
        ("%3A", Anchor::EncodedPair),
        ("%3a", Anchor::EncodedPair),
        ("d b", Anchor::StatementBy),
        ("D B", Anchor::StatementBy),
        ("@tcp(", Anchor::DriverAddress),
        ("@unix(", Anchor::DriverAddress),
    ]
    .map(|(literal, anchor)| (literal.to_owned(), anchor))
    .into();
    // Rarer in prose than the beginnings of `bearer` and `basic`.
    shapes.extend(spellings("rer").map(|literal| (literal, Anchor::Bearer)));
    shapes.extend(spellings("sic").map(|literal| (literal, Anchor::Basic)));
    shapes
}

/// All ways to write three letters in upper and lower case.
fn spellings(letters: &str) -> impl Iterator<Item = String> {
    (0..8_u8).map(move |upper| {
        letters
            .chars()
            .enumerate()
            .map(|(index, letter)| match upper >> index & 1 {
                1 => letter.to_ascii_uppercase(),
                _ => letter,
            })
            .collect()
    })
}
