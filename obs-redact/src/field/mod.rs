//! Rules by field name: which names say that their value must not leave.
//!
//! A name is split into words (`userPassword`, `user.password`, `USER-PASSWORD` are the same two),
//! and the words are looked up. Whole words are what keeps `author`, `monkey` and `passenger`
//! apart from `authorization`, `key` and `pass`.

mod custom;
mod name;
mod table;
mod vocabulary;
mod words;

pub(crate) use self::{
    custom::FieldRules,
    name::{completes_pair, is_sensitive},
};
