//! The line with which telemetry ends, read back into numbers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::emitter::Account;

/// What the last line of telemetry says became of each signal.
///
/// # Panics
/// If there is no such line, or more than one, or it does not add up.
#[must_use]
pub fn at_the_end(lines: &[Value]) -> BTreeMap<String, Account> {
    let messages = lines.iter().filter_map(|line| line["message"].as_str());
    let ends: Vec<&str> = messages
        .filter(|message| message.starts_with("telemetry ended"))
        .collect();
    let [end] = ends[..] else {
        panic!("telemetry ends once: {ends:?}");
    };
    let accounts: BTreeMap<_, _> = end.split("; ").filter_map(account).collect();
    accounts.values().for_each(Account::assert_adds_up);
    accounts
}

/// `logs: 5 of 10 exported, 1 rejected by the server, 4 dropped (queue_full)`
fn account(part: &str) -> Option<(String, Account)> {
    let (signal, rest) = part.split_once(": ")?;
    let mut counts = rest.split(", ").map(|count| {
        let (number, what) = count.split_once(' ')?;
        Some((number.parse::<u64>().ok()?, what))
    });
    let (exported, of) = counts.next()??;
    let accepted = of.strip_prefix("of ")?.strip_suffix(" exported")?;
    let mut account = Account {
        exported,
        accepted: accepted.parse().ok()?,
        ..Account::default()
    };
    for count in counts {
        let (number, what) = count?;
        let reason = what.strip_prefix("dropped (");
        match (reason.and_then(|reason| reason.strip_suffix(')')), what) {
            (Some(reason), _) => _ = account.dropped.insert(reason.to_owned(), number),
            (None, "rejected by the server") => account.rejected = number,
            (None, "on the way") => account.queued = number,
            (None, "on disk") => account.spooled = number,
            (None, "recovered from disk") => account.recovered = number,
            // Of those that were exported: it changes nothing in the sum.
            (None, _) => {}
        }
    }
    account.accepted = account.accepted.checked_sub(account.recovered)?;
    Some((signal.rsplit(' ').next()?.to_owned(), account))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_telemetry_says() {
        let message = "telemetry ended with losses: log lines: 7 written, 0 lost; \
            traces: 3 of 3 exported; logs: 5 of 12 exported, 1 rejected by the server, \
            2 dropped (queue_full), 4 dropped (shutdown), 9 sent twice perhaps; took 1.2s";
        assert_reads(message);
        let message = "telemetry ended; the next start sends what is on disk: log lines: 7 written, \
            0 lost; traces: 3 of 3 exported; logs: 5 of 14 exported, 2 recovered from disk, \
            1 rejected by the server, 6 dropped (spool_full), 2 on disk; took 1.2s";
        assert_reads(message);
    }

    fn assert_reads(message: &str) {
        let accounts = at_the_end(&[json!({ "message": message })]);
        assert_eq!(accounts.len(), 2, "{accounts:?}");
        assert_eq!(
            (accounts["traces"].accepted, accounts["traces"].exported),
            (3, 3)
        );
        let logs = &accounts["logs"];
        assert_eq!((logs.accepted, logs.exported, logs.rejected), (12, 5, 1));
        assert_eq!(logs.dropped_total(), 6);
    }
}
