//! The print on a token: a scale with numerals, a logo and two lines of text, drawn from strokes.

use super::super::geometry::V2;

/// Which of the two inks a stroke is printed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Black,
    Red,
}

/// A straight stroke with round ends. Lengths are in token radii, the origin is the token's middle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    pub(super) from: V2,
    pub(super) to: V2,
    /// Half the line width.
    pub(super) radius: f32,
    pub(super) ink: Ink,
}

/// What an element of the print is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tick,
    Numeral,
    Letter,
    Logo,
    Sector,
}

/// One mark of the print that can be missing or wrong by itself.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) kind: Kind,
    pub(super) centre: V2,
    pub(super) strokes: Vec<Stroke>,
}

/// Numerals on the scale.
pub(super) const NUMERALS: usize = 10;
/// Ticks from one numeral to the next.
const TICKS_PER_NUMERAL: usize = 5;
/// Radius on which the numerals stand.
const NUMERAL_RADIUS: f32 = 0.585;

/// The print as it ought to be.
pub(super) fn artwork() -> Vec<Element> {
    let mut elements: Vec<Element> = (0..NUMERALS * TICKS_PER_NUMERAL).map(tick).collect();
    elements.extend((0..NUMERALS).map(|n| numeral(n, n)));
    elements.extend((0..12).map(sector_piece));
    elements.push(logo());
    elements.extend(text("ANOSEG", V2::new(0.0, 0.155), 0.085));
    elements.extend(text("K40", V2::new(0.0, 0.305), 0.105));
    elements
}

/// The numeral `digit` at the place of numeral `place` on the scale.
pub(super) fn numeral(place: usize, digit: usize) -> Element {
    let centre = on_scale(place as f32 / NUMERALS as f32) * NUMERAL_RADIUS;
    let glyph = glyph(char::from(b'0' + (digit % 10) as u8));
    Element { kind: Kind::Numeral, centre, strokes: lettering(glyph, centre, 0.115, Ink::Black) }
}

/// Direction of the share `turn` (0..1) of the scale, clockwise from the top.
fn on_scale(turn: f32) -> V2 {
    V2::unit((turn - 0.25) * std::f32::consts::TAU)
}

fn tick(n: usize) -> Element {
    let direction = on_scale(n as f32 / (NUMERALS * TICKS_PER_NUMERAL) as f32);
    let major = n.is_multiple_of(TICKS_PER_NUMERAL);
    let (inner, radius) = if major { (0.685, 0.0135) } else { (0.715, 0.0080) };
    let stroke = Stroke { from: direction * inner, to: direction * 0.76, radius, ink: Ink::Black };
    Element { kind: Kind::Tick, centre: direction * 0.73, strokes: vec![stroke] }
}

/// A piece of the red arc beside the last part of the scale.
fn sector_piece(n: usize) -> Element {
    let turn = |n: usize| on_scale(0.7 + 0.2 * n as f32 / 12.0);
    let stroke = Stroke { from: turn(n) * 0.79, to: turn(n + 1) * 0.79, radius: 0.013, ink: Ink::Red };
    Element { kind: Kind::Sector, centre: turn(n) * 0.79, strokes: vec![stroke] }
}

/// A hexagon with a bold red chevron in it.
fn logo() -> Element {
    let centre = V2::new(0.0, -0.255);
    let corner = |n: usize| centre + on_scale(n as f32 / 6.0) * 0.15;
    let black = |n| Stroke { from: corner(n), to: corner(n + 1), radius: 0.013, ink: Ink::Black };
    let mut strokes: Vec<Stroke> = (0..6).map(black).collect();
    let at = |x, y| centre + V2::new(x, y);
    let chevron = [(at(-0.07, 0.045), at(0.0, -0.05)), (at(0.0, -0.05), at(0.07, 0.045))];
    strokes.extend(chevron.map(|(from, to)| Stroke { from, to, radius: 0.022, ink: Ink::Red }));
    Element { kind: Kind::Logo, centre, strokes }
}

/// A line of text around `centre` in letters `height` tall.
fn text(line: &str, centre: V2, height: f32) -> Vec<Element> {
    let advance = height;
    let first = -0.5 * advance * (line.len() as f32 - 1.0);
    let letter = |(n, character): (usize, char)| {
        let centre = centre + V2::new(first + advance * n as f32, 0.0);
        let strokes = lettering(glyph(character), centre, height, Ink::Black);
        Element { kind: Kind::Letter, centre, strokes }
    };
    line.chars().enumerate().map(letter).collect()
}

/// The strokes of a glyph `height` tall around `centre`.
fn lettering(glyph: &[&[(i8, i8)]], centre: V2, height: f32, ink: Ink) -> Vec<Stroke> {
    let unit = height / 6.0;
    let place = |&(x, y): &(i8, i8)| centre + V2::new(f32::from(x) - 2.0, f32::from(y) - 3.0) * unit;
    let lines = glyph.iter().flat_map(|line| line.windows(2));
    lines
        .map(|pair| Stroke { from: place(&pair[0]), to: place(&pair[1]), radius: 0.10 * height, ink })
        .collect()
}

/// The polylines of a character on a grid 4 wide and 6 tall, `y` down; nothing for a character that
/// the print lacks.
fn glyph(character: char) -> &'static [&'static [(i8, i8)]] {
    match character {
        '0' | 'O' => &[&[(1, 0), (3, 0), (4, 1), (4, 5), (3, 6), (1, 6), (0, 5), (0, 1), (1, 0)]],
        '1' => &[&[(1, 1), (2, 0), (2, 6)], &[(1, 6), (3, 6)]],
        '2' => &[&[(0, 1), (1, 0), (3, 0), (4, 1), (4, 2), (0, 6), (4, 6)]],
        '3' => &[&[(0, 0), (4, 0), (2, 2), (3, 2), (4, 3), (4, 5), (3, 6), (1, 6), (0, 5)]],
        '4' => &[&[(3, 6), (3, 0), (0, 4), (4, 4)]],
        '5' => &[&[(4, 0), (0, 0), (0, 3), (1, 2), (3, 2), (4, 3), (4, 5), (3, 6), (1, 6), (0, 5)]],
        '6' => &[&[
            (4, 1),
            (3, 0),
            (1, 0),
            (0, 1),
            (0, 5),
            (1, 6),
            (3, 6),
            (4, 5),
            (4, 4),
            (3, 3),
            (1, 3),
            (0, 4),
        ]],
        '7' => &[&[(0, 0), (4, 0), (1, 6)]],
        '8' => &[
            &[(1, 3), (0, 2), (0, 1), (1, 0), (3, 0), (4, 1), (4, 2), (3, 3), (1, 3)],
            &[(1, 3), (0, 4), (0, 5), (1, 6), (3, 6), (4, 5), (4, 4), (3, 3)],
        ],
        '9' => &[&[
            (0, 5),
            (1, 6),
            (3, 6),
            (4, 5),
            (4, 1),
            (3, 0),
            (1, 0),
            (0, 1),
            (0, 2),
            (1, 3),
            (3, 3),
            (4, 2),
        ]],
        'A' => &[&[(0, 6), (2, 0), (4, 6)], &[(1, 4), (3, 4)]],
        'E' => &[&[(4, 0), (0, 0), (0, 6), (4, 6)], &[(0, 3), (3, 3)]],
        'G' => &[&[(4, 1), (3, 0), (1, 0), (0, 1), (0, 5), (1, 6), (3, 6), (4, 5), (4, 3), (2, 3)]],
        'K' => &[&[(0, 0), (0, 6)], &[(4, 0), (0, 3), (4, 6)]],
        'N' => &[&[(0, 6), (0, 0), (4, 6), (4, 0)]],
        'S' => &[&[
            (4, 1),
            (3, 0),
            (1, 0),
            (0, 1),
            (0, 2),
            (1, 3),
            (3, 3),
            (4, 4),
            (4, 5),
            (3, 6),
            (1, 6),
            (0, 5),
        ]],
        _ => &[],
    }
}
