//! The methods that are answered, and who may call them.

use crate::auth::Role;

/// A method.
#[derive(Debug)]
pub(super) struct Method {
    /// Its path, `/<package>.<service>/<method>`.
    pub(super) path: &'static str,
    /// The role that a caller needs; None: everybody may call it.
    pub(super) role: Option<Role>,
    /// Whether its message has images, and may be as large as a body.
    pub(super) has_images: bool,
}

const fn method(path: &'static str, role: Option<Role>) -> Method {
    Method { path, role, has_images: false }
}

/// The service of the protocol.
pub(super) const INFERENCE: &str = "inference.GRPCInferenceService";

/// All methods.
static METHODS: [Method; 13] = [
    Method {
        path: "/inference.GRPCInferenceService/ModelInfer",
        role: Some(Role::Inspect),
        has_images: true,
    },
    method("/inference.GRPCInferenceService/ServerLive", None),
    method("/inference.GRPCInferenceService/ServerReady", None),
    method("/inference.GRPCInferenceService/ModelReady", Some(Role::Inspect)),
    method("/inference.GRPCInferenceService/ServerMetadata", Some(Role::Inspect)),
    method("/inference.GRPCInferenceService/ModelMetadata", Some(Role::Inspect)),
    method("/inference.GRPCInferenceService/ModelConfig", Some(Role::Inspect)),
    method("/inference.GRPCInferenceService/ModelStatistics", Some(Role::Inspect)),
    method("/inference.GRPCInferenceService/RepositoryIndex", Some(Role::Inspect)),
    method("/inference.GRPCInferenceService/RepositoryModelLoad", Some(Role::Admin)),
    method("/inference.GRPCInferenceService/RepositoryModelUnload", Some(Role::Admin)),
    method("/grpc.health.v1.Health/Check", None),
    method("/grpc.health.v1.Health/Watch", None),
];

impl Method {
    /// The method at a path.
    pub(super) fn at(path: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_definitions_has_its_role() {
        for definition in
            [include_str!("../../proto/open_inference.proto"), include_str!("../../proto/health.proto")]
        {
            let package = definition.lines().find_map(|line| line.strip_prefix("package ")).unwrap();
            let package = package.trim_end_matches(';');
            let service = definition.lines().find_map(|line| line.strip_prefix("service ")).unwrap();
            let service = service.trim_end_matches(" {");
            for line in definition.lines().filter_map(|line| line.trim().strip_prefix("rpc ")) {
                let name = line.split('(').next().unwrap();
                let path = format!("/{package}.{service}/{name}");
                let method = Method::at(&path).unwrap_or_else(|| panic!("{path} is not in the list"));
                let admin = ["RepositoryModelLoad", "RepositoryModelUnload"].contains(&name);
                let open = ["ServerLive", "ServerReady", "Check", "Watch"].contains(&name);
                let role = if admin { Some(Role::Admin) } else { (!open).then_some(Role::Inspect) };
                assert_eq!(method.role, role, "{path}");
            }
        }
        assert!(Method::at("/inference.GRPCInferenceService/ModelStreamInfer").is_none());
    }
}
