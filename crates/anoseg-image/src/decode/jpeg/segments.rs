//! The segments of a JPEG (ITU-T T.81, annex B): frame, tables, scans.

use super::super::error::Fault;
use super::huffman::Table;

/// One colour component of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component {
    id: u8,
    /// Sampling factors.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Number of its quantisation table.
    quantisation: usize,
}

/// The frame header (T.81, B.2.2).
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) progressive: bool,
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// Largest sampling factors.
    pub(super) fn sampling(&self) -> (usize, usize) {
        let most = |f: fn(&Component) -> usize| self.components.iter().map(f).max().unwrap_or(1);
        (most(|c| c.across), most(|c| c.down))
    }

    /// Columns and rows of interleaved units.
    pub(super) fn units(&self) -> (usize, usize) {
        let (across, down) = self.sampling();
        (self.width.div_ceil(8 * across), self.height.div_ceil(8 * down))
    }

    /// Columns and rows of blocks of a component that fill up its last units.
    pub(super) fn blocks(&self, component: usize) -> (usize, usize) {
        let (columns, rows) = self.units();
        let Component { across, down, .. } = self.components[component];
        (columns * across, rows * down)
    }

    /// Width and height of a component in samples (T.81, A.1.1).
    pub(super) fn samples(&self, component: usize) -> (usize, usize) {
        let (most_across, most_down) = self.sampling();
        let Component { across, down, .. } = self.components[component];
        ((self.width * across).div_ceil(most_across), (self.height * down).div_ceil(most_down))
    }
}

/// The header of a scan (T.81, B.2.3).
#[derive(Clone, Debug)]
pub(super) struct Scan {
    /// Component, DC table, AC table.
    pub(super) components: Vec<(usize, usize, usize)>,
    /// First and last coefficient, in zigzag order.
    pub(super) first: usize,
    pub(super) last: usize,
    /// Bits left out before and after this scan.
    pub(super) before: u32,
    pub(super) after: u32,
}

/// Walks through the segments and keeps what they define.
pub(super) struct Segments<'a> {
    bytes: &'a [u8],
    /// Where the next segment is looked for.
    pub(super) at: usize,
    pub(super) frame: Option<Frame>,
    /// Huffman tables: `[DC, AC][number]`.
    pub(super) huffman: [[Option<Table>; 4]; 2],
    quantisation: [Option<[u16; 64]>; 4],
    /// The table of each component when its first scan began.
    pub(super) latched: Vec<Option<[u16; 64]>>,
    /// Interleaved units, or blocks, between restart markers; 0 for none.
    pub(super) restart: usize,
    pub(super) exif: Option<&'a [u8]>,
    /// Where the header of an index of several images (MPO) begins.
    pub(super) images: Option<usize>,
    jfif: bool,
    /// The colour transform that an Adobe segment names.
    adobe: Option<u8>,
    /// Whether data were left over behind the last pixel of a scan.
    pub(super) left_over: bool,
    /// Whether the end-of-image marker was found.
    pub(super) ended: bool,
    /// What a decoder needs, without what others put between the segments.
    pub(super) kept: Vec<u8>,
}

impl<'a> Segments<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 2,
            frame: None,
            huffman: Default::default(),
            quantisation: [None; 4],
            latched: Vec::new(),
            restart: 0,
            exif: None,
            images: None,
            jfif: false,
            adobe: None,
            left_over: false,
            ended: false,
            kept: vec![0xFF, 0xD8],
        }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The next scan, whose data begin at `at`; `None` behind the last.
    pub(super) fn next_scan(&mut self) -> Result<Option<Scan>, Fault> {
        loop {
            let Some((marker, place)) = next_marker(self.bytes, self.at) else { return Ok(None) };
            let after = place + 2;
            match marker {
                0xD9 => {
                    self.ended = true;
                    return Ok(None);
                }
                // Restarts, TEM and a second start of image stand alone.
                0xD0..=0xD8 | 0x01 => self.at = after,
                _ => {
                    let length = self.bytes.get(after..after + 2).ok_or_else(cut)?;
                    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                    let data = self.bytes.get(after + 2..after + length.max(2)).ok_or_else(cut)?;
                    self.at = after + length.max(2);
                    if let Some(scan) = self.segment(marker, data)? {
                        return Ok(Some(scan));
                    }
                }
            }
        }
    }

    fn segment(&mut self, marker: u8, data: &'a [u8]) -> Result<Option<Scan>, Fault> {
        match marker {
            0xC0..=0xC2 => self.start_of_frame(marker, data)?,
            0xC4 => self.define_huffman(data).ok_or_else(|| bad("Huffman tables"))?,
            0xDB => self.define_quantisation(data).ok_or_else(|| bad("quantisation tables"))?,
            0xDD => match data {
                [high, low] => self.restart = usize::from(u16::from_be_bytes([*high, *low])),
                _ => return Err(bad("restart interval")),
            },
            0xDA => {
                let scan = self.start_of_scan(data)?;
                self.keep(marker, data);
                return Ok(Some(scan));
            }
            0xE0 => self.jfif |= data.starts_with(b"JFIF\0"),
            0xE1 if self.exif.is_none() => self.exif = data.strip_prefix(b"Exif\0\0"),
            0xE2 if self.images.is_none() && data.starts_with(b"MPF\0") => {
                self.images = Some(self.at - data.len() + 4);
                return Ok(None);
            }
            0xEE if data.starts_with(b"Adobe") && data.len() >= 12 => self.adobe = Some(data[11]),
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xDE | 0xF7 => {
                return Err(other_process(marker));
            }
            _ => return Ok(None),
        }
        if !matches!(marker, 0xE0 | 0xE1) || data.starts_with(b"JFIF\0") {
            self.keep(marker, data);
        }
        Ok(None)
    }

    fn keep(&mut self, marker: u8, data: &[u8]) {
        self.kept.extend([0xFF, marker]);
        self.kept.extend((data.len() as u16 + 2).to_be_bytes());
        self.kept.extend(data);
    }

    fn start_of_frame(&mut self, marker: u8, data: &[u8]) -> Result<(), Fault> {
        let (&[bits, h1, h0, w1, w0, count], parts) =
            data.split_first_chunk::<6>().ok_or_else(|| bad("frame header"))?;
        if self.frame.is_some() {
            return Err(Fault::damaged("it has two frame headers"));
        }
        if bits != 8 {
            return Err(Fault::unsupported(format!("it is a JPEG of {bits} bits per sample")));
        }
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        if height == 0 {
            return Err(Fault::unsupported("it is a JPEG that gives its height behind its data"));
        }
        let component = |c: &[u8]| Component {
            id: c[0],
            across: usize::from(c[1] >> 4),
            down: usize::from(c[1] & 15),
            quantisation: usize::from(c[2]),
        };
        let components: Vec<Component> = parts.chunks_exact(3).map(component).collect();
        let factors = |c: &Component| (1..=4).contains(&c.across) && (1..=4).contains(&c.down);
        if width == 0 || components.len() != usize::from(count) || !components.iter().all(factors) {
            return Err(bad("frame header"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(Fault::unsupported(format!("it is a JPEG of {count} components")));
        }
        self.latched = vec![None; components.len()];
        let progressive = marker == 0xC2;
        self.frame =
            Some(Frame { width: usize::from(width), height: usize::from(height), progressive, components });
        Ok(())
    }

    /// Huffman tables (T.81, B.2.4.2).
    fn define_huffman(&mut self, mut data: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = data.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let symbols = counts.iter().map(|&count| usize::from(count)).sum();
            let slot = self.huffman.get_mut(usize::from(head >> 4))?.get_mut(usize::from(head & 15))?;
            *slot = Some(Table::new(counts, rest.get(..symbols)?)?);
            data = &rest[symbols..];
        }
        Some(())
    }

    /// Quantisation tables (T.81, B.2.4.1).
    fn define_quantisation(&mut self, mut data: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = data.split_first() {
            let size = if head >> 4 == 0 { 1 } else { 2 };
            let values = rest.get(..64 * size)?.chunks_exact(size);
            let mut table = [0; 64];
            for (to, value) in table.iter_mut().zip(values) {
                *to = value.iter().fold(0, |sum, &byte| sum << 8 | u16::from(byte));
            }
            *self.quantisation.get_mut(usize::from(head & 15))? = Some(table);
            data = &rest[64 * size..];
        }
        Some(())
    }

    fn start_of_scan(&mut self, data: &[u8]) -> Result<Scan, Fault> {
        let frame = self.frame.as_ref().ok_or_else(|| Fault::damaged("it has no frame header"))?;
        let wrong = || bad("scan header");
        let (&count, rest) = data.split_first().ok_or_else(wrong)?;
        let (selected, spectrum) = rest.split_at_checked(2 * usize::from(count)).ok_or_else(wrong)?;
        let &[first, last, bits, ..] = spectrum else { return Err(wrong()) };
        let mut scan = Scan {
            components: Vec::new(),
            first: usize::from(first),
            last: usize::from(last),
            before: u32::from(bits >> 4),
            after: u32::from(bits & 15),
        };
        for pair in selected.chunks_exact(2) {
            let index = frame.components.iter().position(|c| c.id == pair[0]).ok_or_else(wrong)?;
            if scan.components.iter().any(|&(other, ..)| other == index) {
                return Err(wrong());
            }
            scan.components.push((index, usize::from(pair[1] >> 4 & 3), usize::from(pair[1] & 3)));
        }
        if !frame.progressive {
            // Some writers leave these at zero.
            (scan.first, scan.last, scan.before, scan.after) = (0, 63, 0, 0);
        }
        let dc = scan.first == 0 && (scan.last == 0 || !frame.progressive);
        let ac = scan.first > 0 && scan.first <= scan.last && scan.last < 64 && scan.components.len() == 1;
        let bits = scan.after <= 13 && (scan.before == 0 || scan.before == scan.after + 1);
        if scan.components.is_empty() || !(dc || ac) || !bits {
            return Err(wrong());
        }
        for &(component, ..) in &scan.components {
            let table = self.quantisation.get(frame.components[component].quantisation).copied().flatten();
            let latched = &mut self.latched[component];
            *latched = latched.or(table);
            if latched.is_none() {
                return Err(Fault::damaged("a quantisation table is missing"));
            }
        }
        self.fill_in_tables(&scan);
        Ok(scan)
    }

    /// Puts the standard tables where a scan needs tables that the file does not define.
    fn fill_in_tables(&mut self, scan: &Scan) {
        for &(_, dc, ac) in &scan.components {
            for (class, number) in [(0, dc), (1, ac)] {
                let slot = &mut self.huffman[class][number];
                if slot.is_some() {
                    continue;
                }
                if let Some((table, definition)) = Table::standard(class, number) {
                    *slot = Some(table);
                    self.keep(0xC4, &definition);
                }
            }
        }
    }

    /// How the samples of the components make colours, by the rules of libjpeg (`jdapimin.c`).
    pub(super) fn colours(&self) -> Colours {
        let ids: Vec<u8> = self.frame.iter().flat_map(|f| f.components.iter().map(|c| c.id)).collect();
        match (ids.len(), self.adobe) {
            (1, _) => Colours::Grey,
            (3, _) if self.jfif => Colours::YCbCr,
            (3, Some(0)) => Colours::Rgb,
            (3, None) if ids == *b"RGB" => Colours::Rgb,
            (3, _) => Colours::YCbCr,
            (_, Some(2)) => Colours::Ycck,
            _ => Colours::Cmyk,
        }
    }
}

/// How the samples of the components make colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    Grey,
    YCbCr,
    Rgb,
    /// Inverted inks, as Adobe's programs store them.
    Cmyk,
    Ycck,
    /// Left as they are, whatever they mean.
    AsTheyAre,
}

fn cut() -> Fault {
    Fault::damaged("it ends too early")
}

fn bad(what: &str) -> Fault {
    Fault::Damaged(format!("its {what} are not valid"), None)
}

/// Frames of coding processes that are not read (T.81, table B.1; T.87 for JPEG-LS).
fn other_process(marker: u8) -> Fault {
    let name = match marker {
        0xC3 => "a lossless JPEG",
        0xC9..=0xCB => "a JPEG with arithmetic coding",
        0xF7 => "a JPEG-LS image",
        _ => "a hierarchical JPEG",
    };
    Fault::unsupported(format!("it is {name}, a kind that is not read"))
}

/// The next marker at or after `at` and its position, past fill bytes and what belongs to no
/// segment.
fn next_marker(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let tail = bytes.get(at..)?;
    let mut pairs = tail.windows(2).enumerate();
    let (offset, pair) = pairs.find(|(_, pair)| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF))?;
    Some((pair[1], at + offset))
}
