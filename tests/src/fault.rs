//! What is wrong with a backend, on command.

use obs_core::testing::{Receiver, Reply};

/// Ways in which a backend is not there for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nobody listens.
    Refused,
    /// It says that it is overloaded.
    Unavailable,
    /// It asks for patience.
    Throttled,
    /// It reads everything and answers nothing.
    Hang,
    /// The system accepts connections, and nobody reads.
    HalfOpen,
    /// It reads everything, takes nothing, and resets the connection.
    ResetUntaken,
    /// It takes everything and resets the connection.
    ResetTaken,
}

impl Fault {
    /// Lets it begin, for every connection.
    pub fn begin(self, receiver: &Receiver) {
        match self {
            Self::Refused => receiver.refuse(),
            Self::Unavailable => receiver.answer_all(503),
            Self::Throttled => {
                receiver.reply_all(Reply::answer(429, &[("retry-after", "1")], b""));
            }
            Self::Hang => receiver.hold(),
            Self::HalfOpen => receiver.stall(),
            Self::ResetUntaken => receiver.reply_all(Reply::ResetUntaken),
            Self::ResetTaken => receiver.reply_all(Reply::ResetTaken),
        }
    }

    /// Lets it end: the backend is well again.
    pub fn end(self, receiver: &Receiver) {
        match self {
            Self::Refused | Self::HalfOpen => receiver.listen(),
            Self::Hang => receiver.release(),
            Self::Unavailable | Self::Throttled | Self::ResetUntaken | Self::ResetTaken => {
                receiver.answer_all(200);
            }
        }
    }
}
