//! Huffman codes and the bits of a scan (ITU-T T.81, annexes C and F.2).

use super::super::error::Fault;

/// Codes of up to this many bits are looked up in one step.
const QUICK_BITS: u32 = 9;

/// The decoding table of one Huffman code.
#[derive(Clone)]
pub(super) struct Table {
    /// Length and symbol for every value of the next `QUICK_BITS` bits; length 0 for longer codes.
    quick: Vec<(u8, u8)>,
    /// Largest code of each length, -1 where there is none.
    largest: [i32; 17],
    /// What to add to a code of each length to get the index of its symbol.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// The table with `counts[i]` codes of `i + 1` bits (T.81, C.2); `None` if these are no code.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut quick = vec![(0u8, 0u8); 1 << QUICK_BITS];
        let (mut largest, mut offset) = ([-1i32; 17], [0i32; 17]);
        let (mut code, mut used) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            offset[length as usize] = used as i32 - code as i32;
            for _ in 0..count {
                let &symbol = symbols.get(used)?;
                if code >= 1 << length {
                    return None;
                }
                if length <= QUICK_BITS {
                    let first = (code << (QUICK_BITS - length)) as usize;
                    quick[first..first + (1 << (QUICK_BITS - length))].fill((length as u8, symbol));
                }
                largest[length as usize] = code as i32;
                code += 1;
                used += 1;
            }
            code <<= 1;
        }
        Some(Self { quick, largest, offset, symbols: symbols[..used].to_vec() })
    }

    /// The standard table for DC (class 0) or AC (class 1) and luminance (0) or chrominance (1), which
    /// motion JPEG leaves out (T.81, K.3), and its definition as a segment holds it.
    pub(super) fn standard(class: usize, of: usize) -> Option<(Self, Vec<u8>)> {
        let (counts, symbols) = STANDARD.get(class)?.get(of)?;
        let definition = [&[(class << 4 | of) as u8], &counts[..], symbols].concat();
        Some((Self::new(counts, symbols)?, definition))
    }
}

/// Reads the bits of one scan up to the next marker.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Where the next byte is read; at a marker once `ended`.
    at: usize,
    ended: bool,
    /// The lowest `held` bits are those that were read but not yet used.
    store: u64,
    held: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, ended: false, store: 0, held: 0 }
    }

    fn fill(&mut self) {
        while self.held <= 56 && !self.ended {
            let Some(&byte) = self.bytes.get(self.at) else {
                self.ended = true;
                return;
            };
            let mut next = self.at + 1;
            if byte == 0xFF {
                // A zero follows each data byte of 255; further bytes of 255 fill up (B.1.1.2).
                while self.bytes.get(next) == Some(&0xFF) {
                    next += 1;
                }
                if self.bytes.get(next) != Some(&0) {
                    self.ended = true;
                    return;
                }
                next += 1;
            }
            self.at = next;
            self.store = self.store << 8 | u64::from(byte);
            self.held += 8;
        }
    }

    /// The next `count` bits, with zeros behind the end.
    fn peek(&mut self, count: u32) -> u32 {
        if self.held < count {
            self.fill();
        }
        let bits = if self.held >= count {
            self.store >> (self.held - count)
        } else {
            self.store << (count - self.held)
        };
        (bits & ((1 << count) - 1)) as u32
    }

    fn skip(&mut self, count: u32) -> Result<(), Fault> {
        if count > self.held {
            return Err(Fault::damaged("its compressed data end before its last pixel"));
        }
        self.held -= count;
        Ok(())
    }

    /// The next `count` bits, at most 16.
    pub(super) fn take(&mut self, count: u32) -> Result<u32, Fault> {
        let bits = self.peek(count);
        self.skip(count)?;
        Ok(bits)
    }

    /// The next symbol (T.81, F.2.2.3).
    pub(super) fn symbol(&mut self, table: &Table) -> Result<u8, Fault> {
        let (length, symbol) = table.quick[self.peek(QUICK_BITS) as usize];
        if length > 0 {
            self.skip(u32::from(length))?;
            return Ok(symbol);
        }
        let next = self.peek(16) as i32;
        for length in QUICK_BITS as usize + 1..=16 {
            let code = next >> (16 - length);
            if code <= table.largest[length] {
                self.skip(length as u32)?;
                let index = usize::try_from(code + table.offset[length]).ok();
                if let Some(&symbol) = index.and_then(|index| table.symbols.get(index)) {
                    return Ok(symbol);
                }
                break;
            }
        }
        // Behind the end there are zeros, which need not be a code.
        self.skip(16)?;
        Err(Fault::damaged("its compressed data hold an unknown code"))
    }

    /// The value of `size` further bits, of either sign (T.81, F.2.2.1).
    pub(super) fn value(&mut self, size: u32) -> Result<i32, Fault> {
        if size == 0 {
            return Ok(0);
        }
        let bits = self.take(size)? as i32;
        Ok(if bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits })
    }

    /// Goes behind the restart marker of this number (T.81, E.2.4).
    pub(super) fn restart(&mut self, number: usize) -> Result<(), Fault> {
        let padding = self.leave_rest();
        let marker = self.bytes.get(self.at..).and_then(|rest| rest.iter().find(|&&byte| byte != 0xFF));
        if !padding || marker != Some(&(0xD0 + (number % 8) as u8)) {
            return Err(Fault::damaged("its restart markers do not match its data"));
        }
        while self.bytes.get(self.at) == Some(&0xFF) {
            self.at += 1;
        }
        *self = Self::new(self.bytes, self.at + 1);
        Ok(())
    }

    /// Leaves out the rest of the data; whether they were only padding: up to 7 bits, then bytes that
    /// are all 0 or all 255.
    fn leave_rest(&mut self) -> bool {
        self.fill();
        self.held -= self.held % 8;
        let first = self.peek(8);
        let mut padding = self.held == 0 || matches!(first, 0 | 0xFF);
        while self.held > 0 {
            padding &= self.peek(8) == first;
            self.held -= 8;
            self.fill();
        }
        padding
    }

    /// Position of the marker behind the scan, and whether whole bytes were left over before it.
    pub(super) fn finish(mut self) -> (usize, bool) {
        self.fill();
        let left_over = self.held >= 8;
        self.leave_rest();
        (self.at, left_over)
    }
}

/// `[DC, AC][luminance, chrominance]`: codes per length, and symbols (T.81, K.3.3).
#[rustfmt::skip]
const STANDARD: [[([u8; 16], &[u8]); 2]; 2] = [
    [
        ([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        ([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    ],
    [
        ([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D], &[
            0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
            0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0,
            0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28,
            0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
            0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
            0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
            0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7,
            0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5,
            0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2,
            0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
            0xF9, 0xFA,
        ]),
        ([0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77], &[
            0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
            0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0,
            0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26,
            0x27, 0x28, 0x29, 0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
            0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
            0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
            0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5,
            0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3,
            0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA,
            0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
            0xF9, 0xFA,
        ]),
    ],
];
