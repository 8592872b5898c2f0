//! Made-up secrets of the right shapes, put together at run time.
//!
//! No source line holds a whole one, so that scanners of source code have nothing to report.

use std::iter::repeat_n;

/// Letters and digits without a meaning.
pub(crate) fn letters(count: usize) -> String {
    "q7Zk2Xv9Lm4Tb8Rw".chars().cycle().take(count).collect()
}

/// Capitals and digits without a meaning.
pub(crate) fn capitals(count: usize) -> String {
    "Q7ZK2XV4LM5TBRW3".chars().cycle().take(count).collect()
}

/// Hexadecimal digits without a meaning.
pub(crate) fn hex(count: usize) -> String {
    "9f86d081884c7d65".chars().cycle().take(count).collect()
}

/// A token of three parts.
pub(crate) fn jwt() -> String {
    format!(
        "ey{}.ey{}.{}",
        "JhbGciOiJIUzI1NiJ9",
        "JzdWIiOiIxMjM0In0",
        letters(43)
    )
}

/// A private key block with its lines joined by `line_end`.
pub(crate) fn pem(line_end: &str) -> String {
    let dashes: String = repeat_n('-', 5).collect();
    format!(
        "{dashes}BEGIN RSA PRIVATE KEY{dashes}{line_end}{}{line_end}{dashes}END RSA PRIVATE KEY{dashes}",
        letters(64)
    )
}

/// One key of each vendor.
pub(crate) fn vendor_keys() -> Vec<String> {
    let key = |prefix: &[&str], body: String| prefix.concat() + &body;
    vec![
        key(&["AK", "IA"], capitals(16)),
        key(&["AS", "IA"], capitals(16)),
        key(&["gh", "p_"], letters(36)),
        key(&["gh", "o_"], letters(36)),
        key(&["gh", "u_"], letters(36)),
        key(&["gh", "s_"], letters(36)),
        key(&["gh", "r_"], letters(36)),
        key(
            &["github", "_pat_"],
            format!("{}_{}", letters(22), letters(59)),
        ),
        key(&["gl", "pat-"], letters(20)),
        key(&["xo", "xb-"], format!("123456789012-{}", letters(24))),
        key(&["xo", "xp-"], format!("123456789012-{}", letters(24))),
        key(&["xa", "pp-"], format!("1-A1-{}", letters(24))),
        key(&["sk_", "live_"], letters(24)),
        key(&["sk_", "test_"], letters(24)),
        key(&["rk_", "live_"], letters(24)),
        key(&["wh", "sec_"], letters(32)),
        key(&["AI", "za"], letters(35)),
        key(&["GOC", "SPX-"], letters(28)),
        key(&["ya", "29."], letters(60)),
        key(&["s", "k-"], letters(48)),
        key(&["s", "k-proj-"], letters(48)),
        key(&["s", "k-ant-"], format!("api03-{}", letters(80))),
        key(&["S", "G."], format!("{}.{}", letters(22), letters(43))),
        key(&["np", "m_"], letters(36)),
        key(&["py", "pi-AgE"], letters(60)),
        key(&["S", "K"], hex(32)),
        key(&["dop", "_v1_"], hex(64)),
        key(&["sh", "pat_"], hex(32)),
        key(&["h", "f_"], letters(34)),
        key(&["123456789", ":AA"], letters(33)),
        key(&["sq0", "atp-"], letters(22)),
        key(&["sq0", "csp-"], letters(43)),
        key(&["k", "ey-"], hex(32)),
        key(&["AGE-SECRET", "-KEY-1"], capitals(58)),
        key(&["hv", "s."], letters(24)),
    ]
}

/// Numbers of test cards that their issuers publish.
pub(crate) fn cards() -> Vec<String> {
    [
        ["4242", "424242424242"],
        ["5555", "555555554444"],
        ["2223", "003122003222"],
        ["3782", "82246310005"],
        ["6011", "111111111117"],
        ["3056", "930009020004"],
        ["3622", "7206271667"],
        ["3566", "002020360505"],
        ["6200", "000000000005"],
    ]
    .map(|parts| parts.concat())
    .into()
}
