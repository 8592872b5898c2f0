//! The words of the default rules and what each means in a name.

use super::{
    table::{self, Table},
    words::Word,
};

/// The parts that a word can play.
#[derive(Clone, Copy, Default)]
pub(super) struct Roles(u8);

impl Roles {
    /// Sensitive wherever it stands, unless a later word only describes it.
    pub(super) const SECRET: Self = Self(1);
    /// Sensitive as the last word: `user_session`, not `session_duration`.
    pub(super) const LAST: Self = Self(1 << 1);
    /// Sensitive as the only word.
    pub(super) const ALONE: Self = Self(1 << 2);
    /// Sensitive after certain words: `key` after `api`.
    pub(super) const PAIR: Self = Self(1 << 3);
    /// Turns what stands before it into something told about a secret: `password_policy`.
    pub(super) const DETAIL: Self = Self(1 << 4);
    /// Makes tokens a number of tokens.
    pub(super) const QUANTITY: Self = Self(1 << 5);
    /// Makes the next `token` a position in a list or a text: `next_token`.
    pub(super) const CURSOR: Self = Self(1 << 6);
    /// As the first word, makes the name a yes or no: `has_password`.
    pub(super) const FLAG: Self = Self(1 << 7);
    /// Only ends like a secret.
    pub(super) const HARMLESS: Self = Self(0);

    pub(super) const fn has(self, role: Self) -> bool {
        self.0 & role.0 != 0
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The roles of a word, also of one that ends like a secret: `userpassword`.
pub(super) fn roles(word: Word) -> Roles {
    match TABLE.find(word) {
        Some(roles) => roles,
        None if ends_like_secret(word) => Roles::SECRET,
        None => Roles::default(),
    }
}

/// The roles of a word that is listed as it is.
pub(super) fn exact_roles(word: Word) -> Roles {
    TABLE.find(word).unwrap_or_default()
}

/// Whether the two words together name a secret.
pub(super) fn is_pair(first: Word, second: Word) -> bool {
    PAIRS.binary_search(&(first, second)).is_ok()
}

fn ends_like_secret(word: Word) -> bool {
    SUFFIXES.iter().any(|(suffix, mask)| word & mask == *suffix)
}

const GROUPS: &[(Roles, &str)] = &[
    (
        Roles::SECRET,
        "password passwords passwd pwd passphrase passcode passwort kennwort senha contrasena \
         contrase motdepasse secret secrets token tokens jwt bearer cookie cookies authorization \
         credential credentials cred creds cvv cvc ssn otp totp pin csrf xsrf apikey apikeys dsn \
         connstr creditcard ccnum ccnumber",
    ),
    (Roles::LAST, "session pass"),
    (Roles::ALONE, "sid"),
    (
        Roles::PAIR,
        "answer assertion auth card code codes id key keys no num number phrase response security \
         sid str string verifier word",
    ),
    (
        Roles::DETAIL,
        "accepted age alg algo algorithm arn at attempt attempts aud audience bits brand bucket \
         bytes changed chars check checks class complexity consent count counts created date day \
         days dir disabled domain duration enabled endpoint entropy env error errors exists exp \
         expiration expire expired expires expiry failed failure failures field fields file filter \
         format found generator handler history hours id ids index invalid iss issued issuer kind \
         last len length level limit limits location manager max method methods middleware millis \
         min minutes missing mode modified month ms name names network offset ok optional \
         owner param params parser path policies policy position preference preferences present \
         provider rate reason ref reference region required reset result revoked rotated rotation \
         rule rules samesite schema scheme scope scopes score seconds secs server service set size \
         source status storage store strength success time timestamp total ttl type types updated \
         uri url valid validated validation validator validity var verified version year",
    ),
    (
        Roles::QUANTITY,
        "audio available avg budget cached completion cost draft estimated image in input left \
         limit limits max mean min n new num out output per predicted prediction price prompt \
         reasoning rejected remaining sum text thinking total usage used",
    ),
    (
        Roles::CURSOR,
        "cancellation continuation first max next page per unexpected",
    ),
    (Roles::FLAG, "can had has is needs require requires should"),
    (
        Roles::HARMLESS,
        "betoken maxtoken nextpagetoken nexttoken pagetoken",
    ),
];

/// First words, and what may follow each of them.
const PAIRED: &[(&str, &str)] = &[
    (
        "access account admin aes api app auth client consumer crypto decryption deploy developer \
         encryption gpg hmac license master pgp private root rsa sas service session shared \
         signing ssh storage subscription symmetric vault wallet webhook",
        "key keys",
    ),
    ("sess session", "id"),
    ("connect", "sid"),
    ("card cc", "no num number"),
    ("credit debit", "card"),
    ("social", "security"),
    (
        "activation auth backup device fa factor login magic mfa recovery reset security sms \
         verification",
        "code codes",
    ),
    ("conn connection", "str string"),
    ("pass recovery seed", "phrase"),
    ("pass", "word"),
    ("security", "answer"),
    ("code", "verifier"),
    ("client", "assertion"),
    ("saml", "response"),
    ("x", "auth"),
];

/// Endings of words that were written together.
const ENDINGS: &str = "password passwords passwd pwd passphrase secret token jwt apikey accesskey \
                       secretkey privatekey privkey sessionid sessid credential credentials \
                       cardnumber";

static TABLE: Table<{ table::count_roles(GROUPS) }> = Table::new(GROUPS);
static PAIRS: [(Word, Word); table::count_pairs(PAIRED)] = table::pairs(PAIRED);
static SUFFIXES: [(Word, Word); table::count(ENDINGS)] = table::suffixes(ENDINGS);
