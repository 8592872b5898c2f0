//! JSON values, and JSON inside of their strings.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{REDACTED, detect::is_card_number, redactor::Redactor};

impl Redactor {
    /// Redacts a JSON value in place.
    ///
    /// What stands under a sensitive name is replaced whole, whether text, number, list or object;
    /// other strings, and names, by the text rules. A string that is itself JSON is read as JSON.
    /// What is nested deeper than 128 levels is replaced unseen.
    ///
    /// # Examples
    /// ```
    /// use serde_json::json;
    ///
    /// let mut value = json!({
    ///     "user": { "name": "ada", "pin": 1234 },
    ///     "body": "{\"accessToken\":\"t\"}",
    /// });
    /// obs_redact::Redactor::new().redact_json(&mut value);
    /// assert_eq!(value, json!({
    ///     "user": { "name": "ada", "pin": "[REDACTED]" },
    ///     "body": "{\"accessToken\":\"[REDACTED]\"}",
    /// }));
    /// ```
    pub fn redact_json(&self, value: &mut Value) {
        self.redact_value(value, 0);
    }

    /// Redacts a value and says whether that changed it.
    fn redact_value(&self, value: &mut Value, depth: usize) -> bool {
        if depth > DEEPEST {
            return replace(value);
        }
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => number.as_u64().is_some_and(is_card_number) && replace(value),
            Value::String(text) => match self.redact_json_text(text, depth) {
                Some(redacted) => {
                    *text = redacted;
                    true
                }
                None => false,
            },
            Value::Array(items) => items.iter_mut().fold(false, |changed, item| {
                self.redact_value(item, depth + 1) | changed
            }),
            Value::Object(map) => self.redact_object(map, depth),
        }
    }

    fn redact_object(&self, map: &mut Map<String, Value>, depth: usize) -> bool {
        // The form of HAR files and of OTLP: the name of the value is a value too.
        let names_value = ["name", "key"].iter().any(|name| {
            map.get(*name)
                .and_then(Value::as_str)
                .is_some_and(|name| self.is_sensitive_field(name))
        });
        let mut changed = false;
        let mut renamed = Vec::new();
        for (name, value) in map.iter_mut() {
            if self.is_sensitive_field(name) || names_value && name == "value" {
                changed |= !value.is_null() && replace(value);
            } else {
                changed |= self.redact_value(value, depth + 1);
            }
            if let Cow::Owned(new_name) = self.redact_text(name) {
                renamed.push((name.clone(), new_name));
            }
        }
        let mut number = 1;
        for (name, new_name) in renamed {
            if let Some(value) = map.remove(&name) {
                changed = true;
                let new_name = unused_name(map, &new_name, &mut number);
                map.insert(new_name, value);
            }
        }
        changed
    }

    /// The redacted text, or `None` if it may stay.
    fn redact_json_text(&self, text: &str, depth: usize) -> Option<String> {
        let trimmed = text.trim();
        if trimmed.starts_with(['{', '['])
            && let Ok(mut value) = serde_json::from_str::<Value>(trimmed)
            && self.redact_value(&mut value, depth + 1)
        {
            return Some(value.to_string());
        }
        // Of a name that stands twice the parser keeps one value, so the text itself is read too.
        match self.redact_text(text) {
            Cow::Owned(redacted) => Some(redacted),
            Cow::Borrowed(_) => None,
        }
    }
}

/// Puts the marker in the place of a value, unless it is there.
fn replace(value: &mut Value) -> bool {
    if value == REDACTED {
        return false;
    }
    *value = Value::String(REDACTED.to_owned());
    true
}

/// Numbers a name that is taken; numbers only grow, so that no candidate is tried twice.
fn unused_name(map: &Map<String, Value>, name: &str, number: &mut usize) -> String {
    let mut candidate = name.to_owned();
    while map.contains_key(&candidate) {
        *number += 1;
        candidate = format!("{name} {number}");
    }
    candidate
}

const DEEPEST: usize = 128;
