//! Rules by value: what a secret looks like in free text.
//!
//! Each rule is a scanner that looks only where something cheap to find says that it is worth it:
//! at a literal such as `eyJ` or `://` (one vectorised search for many of them), at a `=` or `:`,
//! at a dense run of digits. What it finds is verified on the spot, and the end of what was
//! verified moves the scan forward, so that no byte is looked at again and again.

mod anchor;
mod base64;
mod bearer;
mod card;
mod element;
mod group;
mod harmless;
mod jwt;
mod mark;
mod named;
mod option;
mod pair;
mod pem;
mod quote;
mod spelled;
mod statement;
mod tuple;
mod url;
mod value;
mod vendor;

/// The shortest text of letters, digits and `._-/{}` in which a rule of this folder finds anything:
/// a card number without spaces. Everything shorter needs a character that is not among these.
pub(crate) const SHORTEST_PLAIN: usize = 13;

const _: () = assert!(SHORTEST_PLAIN <= vendor::SHORTEST && SHORTEST_PLAIN <= card::FEWEST_DIGITS);

#[cfg(feature = "json")]
pub(crate) use self::card::is_card_number;
pub(crate) use self::{
    anchor::Anchors, card::find_cards, mark::find_marked, pair::find_pairs, url::userinfo,
};
