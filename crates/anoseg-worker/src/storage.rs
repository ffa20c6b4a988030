//! Where images and parts lie: folders, and stores with the interface of S3.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Once, PoisonError};

use anoseg_image::{read, write};
use futures_util::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::{Error as StoreError, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _};

use crate::WorkerError;

/// What begins the name of something in a store.
const S3: &str = "s3://";

/// Whether a name is that of something in a store, not in a folder.
pub(crate) fn is_s3(name: &str) -> bool {
    name.starts_with(S3)
}

/// A bucket of a store, and the name of something in it.
pub(crate) struct Object {
    store: Arc<dyn ObjectStore>,
    bucket: String,
    pub(crate) path: object_store::path::Path,
}

/// The stores that were used so far, by bucket. How they are reached is told by the usual environment variables,
/// such as `AWS_ACCESS_KEY_ID` and `AWS_ENDPOINT_URL`.
#[derive(Default)]
pub(crate) struct Stores(Mutex<HashMap<String, Arc<dyn ObjectStore>>>);

impl Stores {
    /// What `s3://bucket/key` names.
    pub(crate) fn object(&self, name: &str) -> Result<Object, WorkerError> {
        let below = name.strip_prefix(S3).unwrap_or_default();
        let (bucket, key) = below.split_once('/').unwrap_or((below, ""));
        let path = object_store::path::Path::parse(key.trim_end_matches('/'));
        let path = path.map_err(|error| WorkerError::store(name, error))?;
        Ok(Object { store: self.bucket(bucket, name)?, bucket: bucket.to_owned(), path })
    }

    fn bucket(&self, bucket: &str, name: &str) -> Result<Arc<dyn ObjectStore>, WorkerError> {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(bucket) {
            return Ok(store.clone());
        }
        choose_cryptography();
        let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build();
        let store: Arc<dyn ObjectStore> = Arc::new(store.map_err(|error| WorkerError::store(name, error))?);
        stores.insert(bucket.to_owned(), store.clone());
        Ok(store)
    }
}

/// Requests over TLS use ring, as the rest of the program does. A second call changes nothing.
fn choose_cryptography() {
    static CHOSEN: Once = Once::new();
    CHOSEN.call_once(|| _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default());
}

impl Object {
    /// Its name, `s3://bucket/key`.
    pub(crate) fn name(&self) -> String {
        format!("{S3}{}/{}", self.bucket, self.path)
    }

    /// The object of this name below this one.
    pub(crate) fn below(&self, name: &str) -> Self {
        let path = name.split('/').fold(self.path.clone(), |path, part| path.join(part));
        self.at(path)
    }

    /// Another object of the bucket.
    pub(crate) fn at(&self, path: object_store::path::Path) -> Self {
        Self { store: self.store.clone(), bucket: self.bucket.clone(), path }
    }

    /// The objects below this one, or itself where it is no prefix of others.
    pub(crate) async fn list(&self) -> Result<Vec<ObjectMeta>, WorkerError> {
        let failed = |error| WorkerError::store(self.name(), error);
        let mut found: Vec<ObjectMeta> =
            self.store.list(Some(&self.path)).try_collect().await.map_err(failed)?;
        if found.is_empty() && !self.path.as_ref().is_empty() {
            match self.store.head(&self.path).await {
                Err(StoreError::NotFound { .. }) => {}
                object => found.push(object.map_err(failed)?),
            }
        }
        Ok(found)
    }

    /// Its content, provided that the store still gives it this tag.
    pub(crate) async fn read(&self, tag: Option<&str>) -> Result<Vec<u8>, StoreError> {
        let options = GetOptions { if_match: tag.map(str::to_owned), ..GetOptions::default() };
        let bytes = self.store.get_opts(&self.path, options).await?.bytes().await?;
        Ok(bytes.into())
    }

    async fn write(&self, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.store.put(&self.path, bytes.into()).await.map(drop)
    }
}

/// Where the parts of a job are.
pub(crate) enum Results {
    Folder(PathBuf),
    Store(Object),
}

/// Largest part that is read.
const MOST_BYTES: u64 = 1 << 32;

impl Results {
    /// What a folder's path or `s3://bucket/prefix` names.
    pub(crate) fn open(name: &str, stores: &Stores) -> Result<Self, WorkerError> {
        Ok(if is_s3(name) { Self::Store(stores.object(name)?) } else { Self::Folder(name.into()) })
    }

    /// The name of a part as messages have it.
    pub(crate) fn name(&self, part: &str) -> String {
        match self {
            Self::Folder(folder) => anoseg_image::dataset::display_name(&folder.join(part)),
            Self::Store(prefix) => prefix.below(part).name(),
        }
    }

    /// The names, without their folder, of the files in a folder of parts.
    pub(crate) async fn list(&self, folder: &str) -> Result<BTreeSet<String>, WorkerError> {
        match self {
            Self::Store(prefix) => {
                let found = prefix.below(folder).list().await?;
                Ok(found
                    .into_iter()
                    .filter_map(|found| found.location.filename().map(str::to_owned))
                    .collect())
            }
            Self::Folder(root) => {
                let path = root.join(folder);
                let failed = |error| WorkerError::io(&path, error);
                let entries = match std::fs::read_dir(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
                    entries => entries.map_err(failed)?,
                };
                let names =
                    entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
                names.collect::<io::Result<_>>().map_err(failed)
            }
        }
    }

    /// The content of a part; None if there is none.
    pub(crate) async fn read(&self, part: &str) -> Result<Option<Vec<u8>>, WorkerError> {
        match self {
            Self::Store(prefix) => match prefix.below(part).read(None).await {
                Err(StoreError::NotFound { .. }) => Ok(None),
                bytes => bytes.map(Some).map_err(|error| WorkerError::store(self.name(part), error)),
            },
            Self::Folder(folder) => match read::regular(&folder.join(part), MOST_BYTES) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                bytes => bytes.map(Some).map_err(|error| WorkerError::io(&folder.join(part), error)),
            },
        }
    }

    /// Whether a part is there.
    pub(crate) async fn has(&self, part: &str) -> Result<bool, WorkerError> {
        match self {
            Self::Folder(folder) => Ok(folder.join(part).is_file()),
            Self::Store(prefix) => {
                let object = prefix.below(part);
                match object.store.head(&object.path).await {
                    Err(StoreError::NotFound { .. }) => Ok(false),
                    head => head.map(|_| true).map_err(|error| WorkerError::store(object.name(), error)),
                }
            }
        }
    }

    /// Writes a part, whole or not at all. One of the same name is replaced.
    pub(crate) async fn write(&self, part: &str, bytes: Vec<u8>) -> Result<(), WorkerError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(part);
                std::fs::create_dir_all(write::folder_of(&path))
                    .map_err(|error| anoseg::Error::io(folder, error))?;
                let written = write::atomic(&path, |target| target.write_all(&bytes));
                written.map_err(|error| WorkerError::Infer(error.into()))
            }
            Self::Store(prefix) => {
                let object = prefix.below(part);
                object.write(bytes).await.map_err(|error| WorkerError::store(object.name(), error))
            }
        }
    }
}
