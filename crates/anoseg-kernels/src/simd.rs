//! Which instructions the kernels use, chosen once when the program runs.

use std::cell::Cell;
use std::sync::OnceLock;

use pulp::{Simd, WithSimd};

/// Name of the environment variable that picks the instructions, `avx512`, `avx2` or `portable`, or
/// with `stock` Burn's own operators in place of the kernels, to compare with.
pub const SIMD_VARIABLE: &str = "ANOSEG_SIMD";

/// The value that asks for Burn's own operators.
const STOCK: &str = "stock";

fn wish() -> String {
    std::env::var_os(SIMD_VARIABLE).map(|wish| wish.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether Burn's own operators are asked for.
#[cfg(feature = "burn")]
pub(crate) fn stock_is_wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| wish() == STOCK)
}

/// The environment asks for instructions that this machine does not have, or that do not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel {
    /// The value of [`SIMD_VARIABLE`].
    pub wish: String,
    /// The values that this machine can fulfil.
    pub available: Vec<&'static str>,
}

impl std::fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { wish, available } = self;
        let available = available.join(", ");
        write!(f, "{SIMD_VARIABLE} is {wish:?}; this machine has {available}, and {STOCK} for comparisons")
    }
}

impl std::error::Error for UnknownLevel {}

/// A set of vector instructions that this machine has.
#[derive(Clone, Copy, Debug)]
pub struct Level(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(not(target_arch = "x86_64"))]
    Native(pulp::Arch),
    Portable,
}

impl Level {
    /// The instructions that [`SIMD_VARIABLE`] asks for; the best of this machine where it is not
    /// set or empty.
    ///
    /// # Errors
    /// The machine does not have them, or there are none of this name.
    pub fn requested() -> Result<Self, UnknownLevel> {
        Self::named(&wish())
    }

    fn named(wish: &str) -> Result<Self, UnknownLevel> {
        let levels = Self::available();
        if wish.is_empty() || wish == STOCK {
            return Ok(levels[0]);
        }
        let unknown = || UnknownLevel {
            wish: wish.to_owned(),
            available: levels.iter().map(|level| level.name()).collect(),
        };
        levels.iter().find(|level| level.name() == wish).copied().ok_or_else(unknown)
    }

    /// The instructions that the kernels use: those of [`Level::requested`], which programs check
    /// when they start, or the best of this machine.
    pub fn current() -> Self {
        static CURRENT: OnceLock<Level> = OnceLock::new();
        *CURRENT.get_or_init(|| Self::requested().unwrap_or_else(|_| Self::available()[0]))
    }

    /// All levels of this machine, best first. The last is portable code.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let best = [pulp::x86::V4::try_new().map(Kind::Avx512), pulp::x86::V3::try_new().map(Kind::Avx2)];
        // What WebAssembly has is settled when the program is compiled. Without vectors, single numbers are
        // slower than portable code.
        #[cfg(not(target_arch = "x86_64"))]
        let native = cfg!(not(target_family = "wasm")) || cfg!(target_feature = "simd128");
        #[cfg(not(target_arch = "x86_64"))]
        let best = [native.then(|| Kind::Native(pulp::Arch::new()))];
        best.into_iter().flatten().chain([Kind::Portable]).map(Self).collect()
    }

    /// `avx512`, `avx2`, `native` (the vector unit of another processor family) or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            #[cfg(not(target_arch = "x86_64"))]
            Kind::Native(_) => "native",
            Kind::Portable => "portable",
        }
    }

    /// Runs `op` with this level's instructions.
    pub(crate) fn run<Op: WithSimd>(self, op: Op) -> Op::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(simd) => Simd::vectorize(simd, op),
            #[cfg(not(target_arch = "x86_64"))]
            Kind::Native(arch) => arch.dispatch(op),
            // Four lanes of plain Rust: every compiler turns them into its baseline vectors.
            Kind::Portable => Simd::vectorize(pulp::Scalar128b, op),
        }
    }

    /// Filters that the convolution computes side by side; see `correlate`.
    pub(crate) fn filters(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => 8,
            _ => 4,
        }
    }
}

/// `a * b + c`, in one instruction where there is one.
#[inline(always)]
pub(crate) fn mul_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    // The portable level and WebAssembly have no such instruction, and its exact emulation is a slow function call.
    if size_of::<S::f32s>() <= 16 && cfg!(any(target_arch = "x86_64", target_family = "wasm")) {
        simd.add_f32s(simd.mul_f32s(a, b), c)
    } else {
        simd.mul_add_e_f32s(a, b, c)
    }
}

/// Numbers of scratch memory that a thread keeps for later: 128 MiB.
const MOST_KEPT: usize = 32 << 20;

/// Runs `work` on `len` numbers of scratch memory with any content. The thread keeps the memory, up
/// to [`MOST_KEPT`], so that only the first training steps allocate.
pub(crate) fn with_scratch<T>(len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    thread_local! {
        static SPARE: Cell<Spare> = const { Cell::new(Spare { buffers: Vec::new(), kept: 0 }) };
    }
    // Taken out while in use: the work may itself ask for scratch, or wait and run another job that
    // does.
    let mut spare = SPARE.take();
    let mut buffer = spare.take();
    SPARE.set(spare);
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = work(&mut buffer[..len]);
    let mut spare = SPARE.take();
    spare.keep(buffer);
    SPARE.set(spare);
    result
}

/// Scratch memory that is not in use.
#[derive(Default)]
struct Spare {
    buffers: Vec<Vec<f32>>,
    /// Numbers in all buffers.
    kept: usize,
}

impl Spare {
    fn take(&mut self) -> Vec<f32> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.kept -= buffer.capacity();
        buffer
    }

    /// Keeps the buffer if there is room for it.
    fn keep(&mut self, buffer: Vec<f32>) {
        if self.kept + buffer.capacity() <= MOST_KEPT {
            self.kept += buffer.capacity();
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_does_not_exist_is_refused_by_name() {
        let refused = Level::named("avx1024").unwrap_err();
        assert!(refused.to_string().contains("avx1024") && refused.to_string().contains("portable"));
        assert_eq!(Level::named("portable").unwrap().name(), "portable");
        assert_eq!(Level::named("").unwrap().name(), Level::available()[0].name());
    }

    /// A thread that ran a large job once kept its memory for ever.
    #[test]
    fn scratch_memory_is_bounded() {
        let mut spare = Spare::default();
        spare.keep(Vec::with_capacity(MOST_KEPT + 1));
        assert_eq!((spare.buffers.len(), spare.kept), (0, 0));
        spare.keep(Vec::with_capacity(MOST_KEPT / 2));
        spare.keep(Vec::with_capacity(MOST_KEPT / 2 + 1));
        assert_eq!(spare.buffers.len(), 1);
        let taken = spare.take();
        assert_eq!((taken.capacity(), spare.kept), (MOST_KEPT / 2, 0));
    }
}
