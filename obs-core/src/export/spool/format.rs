//! The bytes of a segment file: who its records are for, and what stands before each of them.
//!
//! ```text
//! header, twice   magic, version, signal, length of the destination, marker, destination, checksum
//! record, often   marker, length, items, time of the oldest, flags, checksum of the payload,
//!                 checksum of all that, two states; then the payload: a request body in gzip
//! ```
//!
//! Numbers are little-endian, checksums are CRC-32. The marker is random for each file, so that no
//! payload can hold something that is taken for a record. The states are a byte each, outside of the
//! checksums and written over in place, so that they can be noted on a disk that is full: whether
//! the record was sent since it was written, and whether it is settled.

use flate2::Crc;

use super::super::Signal;
use super::replay::MAX_BODY;

/// Who the records of a file are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    pub(super) signal: Signal,
    pub(super) destination: String,
    pub(super) marker: Marker,
}

/// What every record of one file begins with.
pub(super) type Marker = [u8; 8];

/// Why the beginning of a file is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It was not written by us, or damaged since.
    Damaged,
    /// Another version of the format.
    Version,
}

impl FileHeader {
    /// The most bytes that a header takes, both copies together.
    pub(super) const MAX_LEN: usize = 2 * (FIXED_LEN + MAX_DESTINATION);

    /// Both copies; none if the destination is longer than any address.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let length = u16::try_from(self.destination.len()).ok()?;
        if usize::from(length) > MAX_DESTINATION {
            return None;
        }
        let signal = match self.signal {
            Signal::Traces => 1,
            Signal::Metrics => 2,
            Signal::Logs => 3,
        };
        let mut copy = Vec::with_capacity(Self::MAX_LEN);
        copy.extend_from_slice(MAGIC);
        copy.extend_from_slice(&[VERSION, signal]);
        copy.extend_from_slice(&length.to_le_bytes());
        copy.extend_from_slice(&self.marker);
        copy.extend_from_slice(self.destination.as_bytes());
        copy.extend_from_slice(&checksum(&copy).to_le_bytes());
        copy.extend_from_within(..);
        Some(copy)
    }

    /// The header from either copy, and where the records begin.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, u64), Unreadable> {
        let starts = bytes
            .windows(MAGIC.len())
            .enumerate()
            .filter(|(_, window)| window == MAGIC);
        for (start, _) in starts {
            let copy = bytes.get(start..).and_then(Self::parse_copy);
            if let Some((header, length)) = copy
                && (start == 0 || start == length)
            {
                return Ok((header, 2 * length as u64));
            }
        }
        match bytes.strip_prefix(MAGIC) {
            Some([version, ..]) if *version != VERSION => Err(Unreadable::Version),
            _ => Err(Unreadable::Damaged),
        }
    }

    fn parse_copy(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut fields = Fields(bytes.strip_prefix(MAGIC)?);
        let [version, signal] = fields.take()?;
        let length = usize::from(u16::from_le_bytes(fields.take()?));
        let marker = fields.take()?;
        let destination = fields.0.get(..length)?;
        let sum_at = FIXED_LEN - SUM_LEN + length;
        let mut sum = Fields(bytes.get(sum_at..)?);
        if version != VERSION || sum.take() != Some(checksum(bytes.get(..sum_at)?).to_le_bytes()) {
            return None;
        }
        let signal = match signal {
            1 => Signal::Traces,
            2 => Signal::Metrics,
            3 => Signal::Logs,
            _ => return None,
        };
        let header = Self {
            signal,
            destination: std::str::from_utf8(destination).ok()?.to_owned(),
            marker,
        };
        Some((header, sum_at + SUM_LEN))
    }
}

/// What stands before a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHeader {
    /// Of the payload.
    pub(super) length: u32,
    pub(super) items: u32,
    pub(super) oldest_unix_nanos: u64,
    pub(super) may_have_arrived: bool,
    /// Of the payload.
    pub(super) checksum: u32,
    /// Whether it was sent since it was written.
    pub(super) was_sent: bool,
    pub(super) is_done: bool,
}

impl RecordHeader {
    pub(super) const LEN: usize = 35;
    /// Where stands whether it was sent.
    pub(super) const SENT_AT: u64 = 33;
    /// Where stands whether it is settled.
    pub(super) const DONE_AT: u64 = 34;
    /// What stands there if it is so: no bit is as in [`NO`].
    pub(super) const YES: u8 = 0xff;

    pub(super) fn encode(&self, marker: Marker) -> [u8; Self::LEN] {
        let mut bytes = Vec::with_capacity(Self::LEN);
        bytes.extend_from_slice(&marker);
        bytes.extend_from_slice(&self.length.to_le_bytes());
        bytes.extend_from_slice(&self.items.to_le_bytes());
        bytes.extend_from_slice(&self.oldest_unix_nanos.to_le_bytes());
        bytes.push(u8::from(self.may_have_arrived));
        bytes.extend_from_slice(&self.checksum.to_le_bytes());
        bytes.extend_from_slice(&checksum(&bytes).to_le_bytes());
        for state in [self.was_sent, self.is_done] {
            bytes.push(if state { Self::YES } else { NO });
        }
        let mut header = [0; Self::LEN];
        header.copy_from_slice(&bytes);
        header
    }

    /// None if it is damaged or something else.
    pub(super) fn parse(bytes: &[u8; Self::LEN], marker: Marker) -> Option<Self> {
        let mut fields = Fields(bytes);
        let read_marker: Marker = fields.take()?;
        let header = Self {
            length: u32::from_le_bytes(fields.take()?),
            items: u32::from_le_bytes(fields.take()?),
            oldest_unix_nanos: u64::from_le_bytes(fields.take()?),
            may_have_arrived: fields.take::<1>()? != [0],
            checksum: u32::from_le_bytes(fields.take()?),
            was_sent: false,
            is_done: false,
        };
        let summed = bytes.get(..Self::LEN - SUM_LEN - STATES)?;
        // Items are believed before the payload is read.
        let is_sound = read_marker == marker
            && fields.take() == Some(checksum(summed).to_le_bytes())
            && header.items <= MOST_ITEMS;
        // A flipped bit must neither lose what waits nor repeat what was sent.
        let states: [u8; STATES] = fields.take()?;
        let [was_sent, is_done] = states.map(|state| state.count_ones() > u8::BITS / 2);
        is_sound.then_some(Self {
            was_sent,
            is_done,
            ..header
        })
    }
}

pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Takes fields of fixed length off the front.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn take<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}

const MAGIC: &[u8; 8] = b"OBSSPOOL";
const VERSION: u8 = 1;
/// What a copy of the file's header takes beside the destination.
const FIXED_LEN: usize = 24;
const SUM_LEN: usize = 4;
const MAX_DESTINATION: usize = 4 * 1024;
/// No body holds more: a record takes two bytes at least.
const MOST_ITEMS: u32 = (MAX_BODY / 2) as u32;
/// Bytes that are written in place.
const STATES: usize = 2;
const NO: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> FileHeader {
        FileHeader {
            signal: Signal::Logs,
            destination: "http://collector:4318/v1/logs".to_owned(),
            marker: *b"\x01marker\xff",
        }
    }

    #[test]
    fn a_file_header_survives_any_flipped_bit() {
        let (header, bytes) = (header(), header().encode().unwrap());
        for length in [bytes.len(), bytes.len() / 2] {
            let start = bytes.len() as u64;
            assert_eq!(
                FileHeader::parse(&bytes[..length]),
                Ok((header.clone(), start))
            );
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = FileHeader::parse(&flipped).unwrap();
            assert_eq!(read, (header.clone(), bytes.len() as u64), "{bit}");
        }
    }

    #[test]
    fn what_is_no_file_header_is_told_from_another_version() {
        let mut bytes = header().encode().unwrap();
        for length in 0..bytes.len() / 2 {
            let cut = FileHeader::parse(&bytes[..length]);
            assert_eq!(cut, Err(Unreadable::Damaged), "{length}");
        }
        let half = bytes.len() / 2;
        bytes[8] = 2;
        bytes[half + 8] = 2;
        assert_eq!(FileHeader::parse(&bytes), Err(Unreadable::Version));
        let long = FileHeader {
            destination: "x".repeat(MAX_DESTINATION + 1),
            ..header()
        };
        assert_eq!(long.encode(), None);
    }

    #[test]
    fn a_record_header_is_whole_or_none() {
        let marker = header().marker;
        let record = RecordHeader {
            length: 300,
            items: 7,
            oldest_unix_nanos: 1_700_000_000_000_000_000,
            may_have_arrived: true,
            checksum: 0xdead_beef,
            was_sent: false,
            is_done: false,
        };
        let sent = RecordHeader {
            was_sent: true,
            ..record
        };
        let done = RecordHeader {
            is_done: true,
            ..sent
        };
        let more = RecordHeader {
            items: MOST_ITEMS + 1,
            ..record
        };
        assert_eq!(RecordHeader::parse(&more.encode(marker), marker), None);
        let most = RecordHeader {
            items: MOST_ITEMS,
            ..record
        };
        assert_eq!(
            RecordHeader::parse(&most.encode(marker), marker),
            Some(most)
        );
        for record in [record, sent, done] {
            let bytes = record.encode(marker);
            assert_eq!(RecordHeader::parse(&bytes, marker), Some(record));
            assert_eq!(RecordHeader::parse(&bytes, *b"\x01marker\x00"), None);
            for bit in 0..8 * bytes.len() {
                let mut flipped = bytes;
                flipped[bit / 8] ^= 1 << (bit % 8);
                let expected = (bit / 8 >= RecordHeader::LEN - STATES).then_some(record);
                assert_eq!(RecordHeader::parse(&flipped, marker), expected, "{bit}");
            }
        }
    }
}
