//! Properties of several targets: text that a terminal can show, and memory bounded by the input.

/// A message for people: one line, which moves no cursor and rings no bell.
pub(crate) fn assert_printable(text: &str) {
    assert!(!text.is_empty());
    assert!(!text.chars().any(char::is_control), "a control character in {text:?}");
}

/// Runs `code`, which must not hold more memory at any time than `factor` for each byte that came,
/// and `fixed`.
pub(crate) fn within<T>(came_bytes: usize, factor: usize, fixed: usize, code: impl FnOnce() -> T) -> T {
    let mut result = None;
    let info = allocation_counter::measure(|| result = Some(code()));
    let bound = (came_bytes * factor + fixed) as u64;
    assert!(
        info.bytes_max <= bound,
        "{} bytes held for {came_bytes} that came, over {bound}",
        info.bytes_max
    );
    result.unwrap()
}
