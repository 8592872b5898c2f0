//! Values that never print.

use obs_redact::{REDACTED, Sensitive};

#[test]
fn no_format_shows_the_value() {
    let value = Sensitive::new("hunter2".to_owned());
    for shown in [
        format!("{value}"),
        format!("{value:?}"),
        format!("{value:#?}"),
        format!("{value:>3}"),
        format!("{:?}", Some(value.clone())),
    ] {
        assert!(
            shown.contains(REDACTED) && !shown.contains("hunter2"),
            "{shown}"
        );
    }
    assert_eq!(value.expose(), "hunter2");
    assert_eq!(value.into_inner(), "hunter2");
}

#[test]
fn values_need_no_traits() {
    struct Plain;
    let value = Sensitive::from(Plain);
    assert_eq!(format!("{value} {value:?}"), "[REDACTED] [REDACTED]");
    assert_eq!(*Sensitive::<u8>::default().expose(), 0);
}
