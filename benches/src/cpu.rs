//! Processor time, memory and cores, as the operating system tells them.

use std::{error::Error, time::Duration};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::resource::{UsageWho, getrusage},
    unistd::Pid,
};

/// Processor time (user and system) of this process, all threads.
pub(crate) fn process_time() -> Result<Duration, Box<dyn Error>> {
    time_of(UsageWho::RUSAGE_SELF)
}

/// Processor time (user and system) of the calling thread.
pub(crate) fn thread_time() -> Result<Duration, Box<dyn Error>> {
    time_of(UsageWho::RUSAGE_THREAD)
}

fn time_of(who: UsageWho) -> Result<Duration, Box<dyn Error>> {
    let usage = getrusage(who)?;
    let micros = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec() * 1_000_000 + time.tv_usec())
        .iter()
        .sum::<i64>();
    Ok(Duration::from_micros(u64::try_from(micros)?))
}

/// The most memory that this process ever had resident, in KiB.
///
/// Not `ru_maxrss`, which a process inherits from the one that started it.
pub(crate) fn peak_rss_kib() -> Result<u64, Box<dyn Error>> {
    memory("VmHWM:")
}

/// The memory that this process has resident now, in KiB.
pub(crate) fn rss_kib() -> Result<u64, Box<dyn Error>> {
    memory("VmRSS:")
}

fn memory(name: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .ok_or_else(|| format!("no {name} line in /proc/self/status"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The cores that this process may use.
pub(crate) fn allowed_cores() -> Result<Vec<usize>, Box<dyn Error>> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count())
        .filter(|core| set.is_set(*core).unwrap_or(false))
        .collect())
}

/// Keeps this process and the threads that it starts from now on to one core.
pub(crate) fn pin_to(core: usize) -> Result<(), Box<dyn Error>> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}
