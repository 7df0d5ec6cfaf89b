//! What the kernel counts for a process: memory, processor time, bytes written.

/// The number behind a label in a file of `/proc/PID`.
fn figure(pid: u32, file: &str, label: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the kernel tells of a process that runs");
    let line = text.lines().find(|line| line.starts_with(label)).expect("there is a line for it");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("it is a number")
}

/// Its proportional share of memory, in KB.
pub fn memory(pid: u32) -> f64 {
    figure(pid, "smaps_rollup", "Pss:")
}

/// The same without what it has mapped from files, its binary above all.
pub fn own_memory(pid: u32) -> f64 {
    figure(pid, "smaps_rollup", "Pss_Anon:")
}

/// Bytes it has sent to the disk so far.
pub fn bytes_written(pid: u32) -> f64 {
    figure(pid, "io", "write_bytes:")
}

/// Its processor time so far, in milliseconds.
pub fn processor_time(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the kernel tells of time");
    let fields: Vec<&str> = text.rsplit(')').next().expect("there is a name").split_whitespace().collect();
    fields[11..13].iter().map(|n| n.parse::<f64>().expect("ticks are numbers")).sum::<f64>() * 10.0
}
