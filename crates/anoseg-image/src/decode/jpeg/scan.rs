//! The coefficients of a scan (ITU-T T.81, annexes F and G), read strictly: missing data and unknown
//! codes are errors, where most decoders fill with grey.

use super::super::error::Fault;
use super::huffman::{Bits, Table};
use super::segments::{Frame, Scan, Segments};

/// A block of 8 x 8 coefficients, row by row.
pub(super) type Block = [i16; 64];

/// Position in a block of each coefficient of the zigzag order (T.81, figure A.6).
#[rustfmt::skip]
pub(super) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55,
    62, 63,
];

/// The coefficients of a frame, and how far its scans have sent them.
pub(super) struct Coefficients {
    /// Blocks of each component, row by row, as many as fill up its last interleaved unit. Empty
    /// where they are only counted.
    pub(super) blocks: Vec<Vec<Block>>,
    columns: Vec<usize>,
    /// Low bits not sent yet, per component and coefficient; `None` before the first scan.
    missing: Vec<[Option<u32>; 64]>,
}

impl Coefficients {
    /// Without `keep` the coefficients are checked but not kept.
    pub(super) fn new(frame: &Frame, keep: bool) -> Self {
        let components = 0..frame.components.len();
        let blocks = |c| {
            let (columns, rows) = frame.blocks(c);
            vec![[0; 64]; if keep { columns * rows } else { 0 }]
        };
        Self {
            blocks: components.clone().map(blocks).collect(),
            columns: components.clone().map(|c| frame.blocks(c).0).collect(),
            missing: components.map(|_| [None; 64]).collect(),
        }
    }

    /// Reads the data of `scan`, which begin at `segments.at`, and moves that behind them.
    pub(super) fn read(&mut self, frame: &Frame, scan: &Scan, segments: &mut Segments) -> Result<(), Fault> {
        for &(component, ..) in &scan.components {
            for missing in &mut self.missing[component][scan.first..=scan.last] {
                if *missing != (scan.before > 0).then_some(scan.before) {
                    return Err(Fault::damaged("its scans do not follow on each other"));
                }
                *missing = Some(scan.after);
            }
        }
        let bytes = segments.bytes();
        let mut reader = Reader {
            bits: Bits::new(bytes, segments.at),
            scan,
            progressive: frame.progressive,
            tables: &segments.huffman,
            last_dc: [0; 4],
            blocks_to_skip: 0,
        };
        let units = match scan.components[..] {
            // Alone in its scan, a component has only the blocks that its size needs (T.81, A.2.2).
            [(component, ..)] => {
                let (width, height) = frame.samples(component);
                (width.div_ceil(8), height.div_ceil(8))
            }
            _ => frame.units(),
        };
        for unit in 0..units.0 * units.1 {
            if segments.restart > 0 && unit > 0 && unit % segments.restart == 0 {
                reader.restart(unit / segments.restart - 1)?;
            }
            self.read_unit(frame, &mut reader, unit % units.0, unit / units.0)?;
        }
        (segments.at, segments.left_over) = reader.bits.finish();
        Ok(())
    }

    fn read_unit(&mut self, frame: &Frame, reader: &mut Reader, x: usize, y: usize) -> Result<(), Fault> {
        let single = reader.scan.components.len() == 1;
        for &(component, dc, ac) in &reader.scan.components {
            let part = &frame.components[component];
            let (across, down) = if single { (1, 1) } else { (part.across, part.down) };
            for v in 0..down {
                for h in 0..across {
                    let index = (y * down + v) * self.columns[component] + x * across + h;
                    let mut unused = [0; 64];
                    let block = self.blocks[component].get_mut(index).unwrap_or(&mut unused);
                    reader.read_block(block, component, dc, ac)?;
                }
            }
        }
        Ok(())
    }

    /// Checks that every coefficient was sent with all its bits.
    pub(super) fn check_complete(&self) -> Result<(), Fault> {
        let complete = self.missing.iter().all(|component| component.iter().all(|&bits| bits == Some(0)));
        if complete { Ok(()) } else { Err(Fault::damaged("its last scans are missing: it ends too early")) }
    }
}

struct Reader<'a> {
    bits: Bits<'a>,
    scan: &'a Scan,
    progressive: bool,
    tables: &'a [[Option<Table>; 4]; 2],
    /// The last DC value of each component.
    last_dc: [i32; 4],
    /// Blocks without further coefficients that follow (T.81, G.1.2.2).
    blocks_to_skip: u32,
}

impl Reader<'_> {
    fn restart(&mut self, number: usize) -> Result<(), Fault> {
        self.bits.restart(number)?;
        self.last_dc = [0; 4];
        self.blocks_to_skip = 0;
        Ok(())
    }

    fn read_block(&mut self, block: &mut Block, component: usize, dc: usize, ac: usize) -> Result<(), Fault> {
        if !self.progressive {
            block[0] = self.dc_value(component, dc)? as i16;
            return self.sequential_ac(block, ac);
        }
        match (self.scan.first, self.scan.before) {
            (0, 0) => block[0] = (self.dc_value(component, dc)? << self.scan.after) as i16,
            (0, _) => block[0] |= (self.bits.take(1)? << self.scan.after) as i16,
            (_, 0) => self.first_ac(block, ac)?,
            _ => self.refined_ac(block, ac)?,
        }
        Ok(())
    }

    /// The next symbol by a table of this class: 0 DC, 1 AC.
    fn symbol(&mut self, class: usize, number: usize) -> Result<u8, Fault> {
        let table = self.tables[class][number].as_ref();
        self.bits.symbol(table.ok_or_else(|| Fault::damaged("a Huffman table is missing"))?)
    }

    /// T.81, F.2.2.1.
    fn dc_value(&mut self, component: usize, dc: usize) -> Result<i32, Fault> {
        let size = u32::from(self.symbol(0, dc)?);
        if size > 15 {
            return Err(Fault::damaged("its compressed data hold an unknown code"));
        }
        let difference = self.bits.value(size)?;
        self.last_dc[component] = self.last_dc[component].wrapping_add(difference);
        Ok(self.last_dc[component])
    }

    /// T.81, F.2.2.2.
    fn sequential_ac(&mut self, block: &mut Block, ac: usize) -> Result<(), Fault> {
        let mut k = 1;
        while k < 64 {
            let (run, size) = self.run_and_size(ac)?;
            match (run, size) {
                (15, 0) => k += 16,
                (_, 0) => break,
                _ => {
                    let at = *ZIGZAG.get(k + run).ok_or_else(too_many)?;
                    block[at] = self.bits.value(size)? as i16;
                    k += run + 1;
                }
            }
        }
        Ok(())
    }

    fn run_and_size(&mut self, ac: usize) -> Result<(usize, u32), Fault> {
        let symbol = self.symbol(1, ac)?;
        Ok((usize::from(symbol >> 4), u32::from(symbol & 15)))
    }

    /// The first scan of some coefficients (T.81, G.1.2.2).
    fn first_ac(&mut self, block: &mut Block, ac: usize) -> Result<(), Fault> {
        if self.blocks_to_skip > 0 {
            self.blocks_to_skip -= 1;
            return Ok(());
        }
        let mut k = self.scan.first;
        while k <= self.scan.last {
            let (run, size) = self.run_and_size(ac)?;
            match (run, size) {
                (15, 0) => k += 16,
                (_, 0) => {
                    self.blocks_to_skip = (1 << run) + self.bits.take(run as u32)? - 1;
                    break;
                }
                _ => {
                    k += run;
                    if k > self.scan.last {
                        return Err(too_many());
                    }
                    block[ZIGZAG[k]] = (self.bits.value(size)? << self.scan.after) as i16;
                    k += 1;
                }
            }
        }
        Ok(())
    }

    /// A further bit of some coefficients (T.81, G.1.2.3).
    fn refined_ac(&mut self, block: &mut Block, ac: usize) -> Result<(), Fault> {
        let bit = 1i16 << self.scan.after;
        let mut k = self.scan.first;
        while self.blocks_to_skip == 0 && k <= self.scan.last {
            let (run, size) = self.run_and_size(ac)?;
            let mut new = 0;
            match (run, size) {
                (15, 0) => {}
                (_, 0) => {
                    self.blocks_to_skip = (1 << run) + self.bits.take(run as u32)?;
                    break;
                }
                (_, 1) => new = if self.bits.take(1)? == 1 { bit } else { -bit },
                _ => return Err(Fault::damaged("its compressed data hold an unknown code")),
            }
            k = self.refine(block, k, run)?;
            if new != 0 {
                let at = if k <= self.scan.last { ZIGZAG[k] } else { return Err(too_many()) };
                block[at] = new;
            }
            k += 1;
        }
        if self.blocks_to_skip > 0 {
            self.refine(block, k, usize::MAX)?;
            self.blocks_to_skip -= 1;
        }
        Ok(())
    }

    /// Refines the coefficients from `k` on that are not zero, up to the zero behind `zeros` others;
    /// its place.
    fn refine(&mut self, block: &mut Block, mut k: usize, mut zeros: usize) -> Result<usize, Fault> {
        let bit = 1i16 << self.scan.after;
        while k <= self.scan.last {
            let value = &mut block[ZIGZAG[k]];
            if *value == 0 {
                if zeros == 0 {
                    break;
                }
                zeros -= 1;
            } else if self.bits.take(1)? == 1 && *value & bit == 0 {
                *value = value.wrapping_add(if *value > 0 { bit } else { -bit });
            }
            k += 1;
        }
        Ok(k)
    }
}

fn too_many() -> Fault {
    Fault::damaged("a block of its compressed data has more than 64 coefficients")
}
