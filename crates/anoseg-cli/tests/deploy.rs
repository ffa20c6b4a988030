//! What `deploy` has: the unit of systemd, the container, and the manifests of Kubernetes and KServe.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod manifests;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join("deploy").join(name)).unwrap()
}

/// The help of `anoseg serve`.
fn help() -> String {
    help_of("serve")
}

fn help_of(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_anoseg")).args([command, "--help"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Fails unless each option is one of `anoseg serve`.
fn check_options<'a>(arguments: impl IntoIterator<Item = &'a str>) {
    let (help, mut options) = (help(), 0);
    let known: Vec<&str> = help.split_whitespace().filter(|word| word.starts_with("--")).collect();
    for argument in arguments.into_iter().filter(|argument| argument.starts_with("--")) {
        let option = argument.split('=').next().unwrap();
        assert!(known.contains(&option), "anoseg serve has no {option}");
        options += 1;
    }
    assert!(options >= 4, "{options} options");
}

/// The seconds of a time such as `20s`.
fn seconds(text: &str) -> u64 {
    text.strip_suffix('s').unwrap().parse().unwrap()
}

/// The command of the unit, its lines joined.
fn command(unit: &str) -> String {
    let start = unit.split("ExecStart=").nth(1).unwrap().replace("\\\n", " ");
    start.lines().next().unwrap().to_owned()
}

#[test]
fn the_unit_starts_the_server_and_waits_for_its_end() {
    let unit = text("anoseg.service");
    let command = command(&unit);
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(&words[..2], ["/usr/local/bin/anoseg", "serve"]);
    check_options(words.iter().copied());
    let value = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let grace = words[words.iter().position(|word| *word == "--grace").unwrap() + 1];
    assert!(seconds(value("TimeoutStopSec=")) > seconds(grace) + 1);
    let default = help().split("when the server is stopped").nth(1).unwrap().to_owned();
    assert!(default.contains("[default: 20s]"), "the manifests wait longer than the default: {default}");
}

/// Runs `systemd-analyze` on the unit with a program that is there; None where there is no systemd-analyze.
fn analyse(arguments: &[&str]) -> Option<(bool, String)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anoseg.service");
    let unit = text("anoseg.service").replace("/usr/local/bin/anoseg", env!("CARGO_BIN_EXE_anoseg"));
    std::fs::write(&path, unit).unwrap();
    let output = Command::new("systemd-analyze").args(arguments).arg(&path).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[test]
fn systemd_takes_the_unit_and_finds_it_confined() {
    let Some((valid, told)) = analyse(&["verify", "--man=no"]) else { return };
    assert!(valid && !told.contains("anoseg.service:"), "{told}");
    // Exposure in tenths: at most 1.5 of 10.
    let (confined, told) = analyse(&["security", "--offline=true", "--threshold=15"]).unwrap();
    assert!(confined, "{told}");
}

#[test]
fn the_container_copies_what_is_there_and_starts_the_server() {
    let file = text("Dockerfile").replace("\\\n", " ");
    let instructions: Vec<(&str, &str)> = file
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let of = |name: &str| -> Vec<&str> {
        instructions.iter().filter(|(own, _)| *own == name).map(|(_, rest)| *rest).collect()
    };
    let known =
        ["FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"];
    assert!(instructions.iter().all(|(name, _)| known.contains(name)), "{instructions:?}");
    let stages: Vec<&str> = of("FROM").iter().filter_map(|from| from.split(" AS ").nth(1)).collect();
    for copy in of("COPY") {
        let mut words: Vec<&str> = copy.split_whitespace().collect();
        words.pop();
        match words[0].strip_prefix("--from=") {
            Some(stage) => assert!(stages.contains(&stage), "{copy}"),
            None => words.iter().for_each(|source| assert!(root().join(source).exists(), "{copy}")),
        }
    }
    // Files of other folders that the program embeds are copied before it is built.
    let rust = format!("FROM rust:{}", manifests::rust_version(&root()));
    assert!(file.contains(&rust), "{rust}");
    assert!(of("RUN")[0].contains("--bin anoseg") && of("USER") == ["65532:65532"]);
    let list = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap();
    assert_eq!(list(of("ENTRYPOINT")[0]), ["/usr/local/bin/anoseg"]);
    let command = list(of("CMD")[0]);
    assert_eq!(command[0], "serve");
    check_options(command.iter().map(String::as_str));
    let volumes = list(of("VOLUME")[0]);
    for (option, volume) in [("--models", "/models"), ("--history", "/history")] {
        let at = command.iter().position(|word| word == option).unwrap();
        assert!(command[at + 1] == volume && volumes.contains(&volume.to_owned()));
    }
    let ports: Vec<&str> = of("EXPOSE")[0].split_whitespace().collect();
    for port in ["8000", "8001"] {
        assert!(ports.contains(&port) && command.contains(&format!("0.0.0.0:{port}")));
    }
}

#[test]
fn the_manifests_fit_each_other_and_the_program() {
    let runtime = &manifests::read(&text("kserve/serving_runtime.yaml"))[0];
    let service = &manifests::read(&text("kserve/inference_service.yaml"))[0];
    let plain = manifests::read(&text("kubernetes/anoseg.yaml"));
    let [deployment, address] = &plain[..] else { panic!("{plain:?}") };
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let pod = &deployment["spec"]["template"];
    let containers = [&runtime["spec"]["containers"][0], &pod["spec"]["containers"][0]];
    for container in containers {
        let arguments = strings(&container["args"]);
        assert_eq!(arguments[0], "serve");
        check_options(arguments.iter().map(String::as_str));
        let ports: Vec<u64> = container["ports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["containerPort"].as_u64().unwrap())
            .collect();
        assert_eq!(ports, [8000, 8001]);
        for probe in ["readinessProbe", "livenessProbe"] {
            let path = container[probe]["httpGet"]["path"].as_str().unwrap();
            assert!(["/v2/health/ready", "/v2/health/live"].contains(&path));
        }
    }
    // The storage initializer writes to /mnt/models.
    assert_eq!(containers[0]["name"], "kserve-container");
    assert!(strings(&containers[0]["args"]).contains(&"--models=/mnt/models".to_owned()));
    let model = &service["spec"]["predictor"]["model"];
    assert_eq!(model["runtime"], runtime["metadata"]["name"]);
    assert_eq!(model["modelFormat"]["name"], runtime["spec"]["supportedModelFormats"][0]["name"]);
    assert!(
        strings(&runtime["spec"]["protocolVersions"])
            .contains(&model["protocolVersion"].as_str().unwrap().into())
    );
    assert_eq!(deployment["spec"]["selector"]["matchLabels"], pod["metadata"]["labels"]);
    assert_eq!(address["spec"]["selector"], pod["metadata"]["labels"]);
    for time in [&pod["spec"], &service["spec"]["predictor"]] {
        assert!(time["terminationGracePeriodSeconds"].as_u64().unwrap() > 21);
    }
}

#[test]
fn the_job_of_kubernetes_inspects_each_shard_once() {
    let job = &manifests::read(&text("kubernetes/predict_job.yaml"))[0];
    let spec = &job["spec"];
    assert_eq!(spec["completionMode"], "Indexed");
    let container = &spec["template"]["spec"]["containers"][0];
    let arguments: Vec<&str> =
        container["args"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(arguments[0], "predict");
    let help = help_of("predict");
    for option in arguments.iter().filter(|argument| argument.starts_with("--")) {
        assert!(help.contains(option.split('=').next().unwrap()), "anoseg predict has no {option}");
    }
    let shard = format!("--shard=$(JOB_COMPLETION_INDEX)/{}", spec["completions"]);
    assert!(arguments.contains(&shard.as_str()), "{arguments:?}");
    // A variable is replaced in arguments only if the container declares it.
    assert_eq!(container["env"][0]["name"], "JOB_COMPLETION_INDEX");
    assert_eq!(spec["template"]["spec"]["restartPolicy"], "Never", "a policy of failures asks for it");
}

/// Runs the script with a `sbatch` that runs each job at once, one after the other.
#[cfg(unix)]
#[test]
fn the_script_of_slurm_inspects_all_shards_and_merges_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let program = |name: &str, text: &str| {
        std::fs::write(path(name), text).unwrap();
        std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    program("anoseg", "#!/bin/sh\necho \"$@\" >> \"$CALLS\"\nexit 3\n");
    program(
        "sbatch",
        "#!/bin/sh\narray=\nfor word; do case $word in --array=0-7) array='0 1 2 3 4 5 6 7';; esac; done\n\
         while [ \"$1\" != /dev/stdin ]; do echo \"$1\" >> \"$CALLS.options\"; shift; done\nshift\n\
         cat > \"$CALLS.job\"\n\
         if [ -n \"$array\" ]; then for id in $array; do SLURM_ARRAY_TASK_ID=$id sh \"$CALLS.job\" \"$@\" || exit; done\n\
         else sh \"$CALLS.job\" \"$@\" || :; fi\necho '17;cluster'\n",
    );
    std::fs::create_dir(path("results")).unwrap();
    (0..8).for_each(|shard| std::fs::create_dir(path("results").join(shard.to_string())).unwrap());
    let search = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let script = root().join("deploy/slurm/predict.sh");
    let output = Command::new("sh")
        .arg(script)
        .args(["m.anoseg", "the images", "results"])
        .current_dir(folder.path())
        .env("PATH", search)
        .env("CALLS", path("calls"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let calls = std::fs::read_to_string(path("calls")).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    assert_eq!(calls.len(), 9, "{calls:?}");
    for (shard, call) in calls[..8].iter().enumerate() {
        let expected =
            format!("predict m.anoseg the images --output results/{shard} --shard {shard}/8 --resume");
        assert_eq!(*call, expected);
    }
    let all: Vec<String> = (0..8).map(|shard| format!("results/{shard}")).collect();
    assert_eq!(calls[8], format!("merge results/all {}", all.join(" ")));
    let options = std::fs::read_to_string(path("calls.options")).unwrap();
    assert!(options.lines().any(|option| option == "--dependency=afterok:17"), "{options}");
}

/// With `ANOSEG_KSERVE_CRDS`, the folder `config/crd/full` of KServe, the manifests are compared with its schemas.
#[test]
fn kserve_takes_the_manifests() {
    let Some(folder) = std::env::var_os("ANOSEG_KSERVE_CRDS").map(PathBuf::from) else { return };
    for (name, file) in [("servingruntimes", "serving_runtime"), ("inferenceservices", "inference_service")] {
        let definition =
            std::fs::read_to_string(folder.join(format!("serving.kserve.io_{name}.yaml"))).unwrap();
        let schema = manifests::strict(&manifests::read(&definition)[0]);
        let manifest = &manifests::read(&text(&format!("kserve/{file}.yaml")))[0];
        let errors: Vec<String> = jsonschema::validator_for(&schema)
            .unwrap()
            .iter_errors(manifest)
            .map(|it| it.to_string())
            .collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
        let mut wrong = manifest.clone();
        wrong["spec"]["unknown"] = 1.into();
        assert!(!jsonschema::is_valid(&schema, &wrong), "a field that is unknown is found");
    }
}

#[test]
fn workers_in_kubernetes_are_started_with_options_that_there_are_and_find_the_server() {
    let worker = &manifests::read(&text("kubernetes/worker.yaml"))[0];
    let pod = &worker["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let arguments: Vec<&str> =
        container["args"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(arguments[0], "worker");
    let help = help_of("worker");
    for argument in &arguments[1..] {
        let option = argument.split('=').next().unwrap();
        assert!(help.split_whitespace().any(|word| word == option), "{option}");
    }
    let grace = arguments.iter().find_map(|argument| argument.strip_prefix("--grace=")).unwrap();
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > seconds(grace));
    let mounts: Vec<&str> = container["volumeMounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["mountPath"].as_str().unwrap())
        .collect();
    for place in arguments.iter().filter_map(|argument| argument.strip_prefix("--allow=")) {
        assert!(mounts.contains(&place), "{place}");
    }
    let nats = manifests::read(&text("kubernetes/nats.yaml"));
    let service = nats.iter().find(|it| it["kind"] == "Service").unwrap();
    assert_eq!(service["spec"]["ports"][0]["port"], 4222);
    let secret = &container["env"][0]["valueFrom"]["secretKeyRef"]["name"];
    let set = nats.iter().find(|it| it["kind"] == "StatefulSet").unwrap();
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(*secret, container["env"][0]["valueFrom"]["secretKeyRef"]["name"]);
}
