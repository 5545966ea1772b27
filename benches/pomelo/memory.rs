//! Memory of processes, from Linux.

use std::fs;

/// The sum over some processes, in MiB.
pub(crate) struct Memory {
    /// RSS: shared pages count for each process.
    pub(crate) resident: f64,
    /// PSS: shared pages count once in all.
    pub(crate) proportional: f64,
}

impl Memory {
    pub(crate) fn of(processes: &[u32]) -> Result<Self, String> {
        let mut sum = Self { resident: 0.0, proportional: 0.0 };
        for id in processes {
            let path = format!("/proc/{id}/smaps_rollup");
            let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
            sum.resident += mib(&text, "Rss:").ok_or_else(|| format!("{path}: no Rss"))?;
            sum.proportional += mib(&text, "Pss:").ok_or_else(|| format!("{path}: no Pss"))?;
        }
        Ok(sum)
    }
}

fn mib(text: &str, field: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(field))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
