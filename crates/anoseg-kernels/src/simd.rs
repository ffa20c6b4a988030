//! Which instructions the kernels use, chosen once when the program runs.

use std::cell::Cell;
use std::sync::OnceLock;

use pulp::{Simd, WithSimd};

/// Name of the environment variable that picks the instructions, `avx512`, `avx2` or `portable`, or with `stock` Burn's
/// own operators in place of the kernels, to compare with.
pub const SIMD_VARIABLE: &str = "ANOSEG_SIMD";

fn wish() -> String {
    std::env::var(SIMD_VARIABLE).unwrap_or_default()
}

/// Whether Burn's own operators are asked for.
pub(crate) fn stock_is_wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| wish() == "stock")
}

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
    /// What the kernels run on: the best this machine has, or what `ANOSEG_SIMD` asks for. A wish that the machine
    /// cannot fulfil, or that is not a level's name, is ignored; [`Level::name`] tells what is used.
    pub fn current() -> Self {
        static CURRENT: OnceLock<Level> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let (wish, levels) = (wish(), Self::available());
            *levels.iter().find(|level| level.name() == wish).unwrap_or(&levels[0])
        })
    }

    /// All levels of this machine, best first. The last is portable code.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let best = [pulp::x86::V4::try_new().map(Kind::Avx512), pulp::x86::V3::try_new().map(Kind::Avx2)];
        #[cfg(not(target_arch = "x86_64"))]
        let best = [Some(Kind::Native(pulp::Arch::new()))];
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
    // The portable level has no such instruction, and its exact emulation is a slow function call.
    if size_of::<S::f32s>() <= 16 && cfg!(target_arch = "x86_64") {
        simd.add_f32s(simd.mul_f32s(a, b), c)
    } else {
        simd.mul_add_e_f32s(a, b, c)
    }
}

/// Runs `work` on `len` numbers of scratch memory with any content. The memory is kept by the thread, so that a
/// training step allocates nothing once it is warm.
pub(crate) fn with_scratch<T>(len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    thread_local! {
        static SPARE: Cell<Vec<Vec<f32>>> = const { Cell::new(Vec::new()) };
    }
    // Taken out while in use: the work may itself ask for scratch, or wait and run another job that does.
    let mut spare = SPARE.take();
    let mut buffer = spare.pop().unwrap_or_default();
    SPARE.set(spare);
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = work(&mut buffer[..len]);
    let mut spare = SPARE.take();
    spare.push(buffer);
    SPARE.set(spare);
    result
}
