//! The objects of a deployment.
//!
//! Every pod runs without root over a read-only root, with its own secrets only, and reaches what its service needs. Who
//! works and who stands by is decided by leases and not by the cluster, so that a new pod may start before the old one ends.

use std::collections::BTreeSet;

use runtime::services::{SERVICES, Service};
use serde_json::{Value, json};

use super::holidays::Holidays;
use super::{digest, ports};

/// The user of the images.
const USER: u32 = 10001;
/// Where a program's configuration and secrets are, as in containers.
const CONFIG_FOLDER: &str = "/etc/huiyin";
const SECRETS_FOLDER: &str = "/run/secrets";
/// Files of a Secret: for the pod's group alone.
const SECRET_MODE: u32 = 0o440;
/// A service finishes what is in flight within 8 s.
const GRACE_SECONDS: u32 = 12;
/// The name of what holds the files of public holidays.
const HOLIDAYS: &str = "huiyin-holidays";
/// The namespace from which metrics may be asked for.
const MONITORING: &str = "monitoring";
const GATEWAY: &str = "gateway";
const GATEWAY_PORT: u16 = 8788;
const GATEWAY_TOKEN: &str = "gateway_token";

pub(super) struct Deployment<'a> {
    pub namespace: &'a str,
    pub image: &'a str,
    pub gateway_image: &'a str,
    /// Of configuration and image: what it is written into is made anew when they change.
    pub digest: String,
    /// Whose certificates the database's servers have.
    pub authority: Option<&'a str>,
    /// The configuration file as it is.
    pub text: &'a str,
    pub config: &'a Value,
    pub holidays: &'a Holidays,
}

impl Deployment<'_> {
    /// What has to be there before anything runs.
    pub fn base(&self) -> Vec<Value> {
        let enforced = "restricted";
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": self.namespace, "labels": { "pod-security.kubernetes.io/enforce": enforced } },
        });
        let mut config = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": self.metadata("huiyin"),
            "data": { "huiyin.json": self.text },
        });
        if let Some(authority) = self.authority {
            config["data"]["postgres-ca.pem"] = json!(authority);
        }
        let mut objects = vec![namespace, config];
        objects.extend(self.holidays.data().map(|data| {
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": self.metadata(HOLIDAYS), "data": data })
        }));
        objects.extend([self.closed(), self.names()]);
        objects.push(self.reach("apply", &[], &self.outward(true, true)));
        for service in self.enabled() {
            let (inward, outward) = (self.inward(service), self.outward_of(service));
            objects.push(self.reach(service.program(), &inward, &outward));
        }
        if self.has_gateway() {
            let from =
                ["ingest", "apply"].map(|name| json!({ "podSelector": { "matchLabels": selector(name) } }));
            let inward = [json!({ "from": from, "ports": [tcp(GATEWAY_PORT)] })];
            objects.push(self.reach(GATEWAY, &inward, &[json!({})]));
        }
        objects
    }

    /// The one-shot. A Job cannot be changed: another configuration or image, or other holidays, make another one.
    pub fn apply(&self) -> Value {
        let container = self.container("apply", &["huiyin", "apply"], &json!({}));
        let mut pod = self.pod("apply", &container);
        pod["spec"]["restartPolicy"] = json!("OnFailure");
        if let Some(items) = self.holidays.items() {
            // In one folder, so that paths from the configuration's lead there.
            let sources = json!([
                { "configMap": { "name": "huiyin" } },
                { "configMap": { "name": HOLIDAYS, "items": items } },
            ]);
            pod["spec"]["volumes"][0] = json!({ "name": "config", "projected": { "sources": sources } });
        }
        let name = format!("apply-{}", digest(&[&self.digest, self.holidays.text()]));
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": self.metadata(&name),
            "spec": { "backoffLimit": 10, "template": pod },
        })
    }

    pub fn services(&self) -> Vec<Value> {
        self.enabled().flat_map(|service| self.service(service)).collect()
    }

    pub fn has_gateway(&self) -> bool {
        self.config["ingest"]["gateway"].is_object()
    }

    /// The Wechaty gateway: one process, one login, and the session that it keeps.
    pub fn gateway(&self) -> Vec<Value> {
        let environment = [
            ("GATEWAY_PUPPET", "mock"),
            ("GATEWAY_TOKEN_FILE", "/run/secrets/gateway_token"),
            ("GATEWAY_ENDPOINT", "0.0.0.0:8788"),
            // A NetworkPolicy lets nobody but capture in.
            ("GATEWAY_ALLOW_PLAINTEXT", "1"),
        ];
        let environment = environment.map(|(name, value)| json!({ "name": name, "value": value }));
        let probe = json!({
            "exec": { "command": ["node", "src/health.js"] },
            "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6,
        });
        let container = json!({
            "name": GATEWAY, "image": self.gateway_image, "env": environment,
            "ports": [{ "name": "grpc", "containerPort": GATEWAY_PORT }],
            "readinessProbe": probe, "securityContext": confined(), "resources": resources(),
            "volumeMounts": [
                { "name": "secrets", "mountPath": SECRETS_FOLDER, "readOnly": true },
                { "name": "session", "mountPath": "/var/lib/gateway" },
                { "name": "tmp", "mountPath": "/tmp" },
            ],
        });
        let mut pod = self.pod(GATEWAY, &container);
        pod["spec"]["volumes"] = json!([
            secret_volume(GATEWAY),
            { "name": "session", "persistentVolumeClaim": { "claimName": GATEWAY } },
            { "name": "tmp", "emptyDir": {} },
        ]);
        // Another configuration is nothing to it, and a new start may cost a login.
        pod["metadata"]["annotations"] = json!({});
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": self.metadata(GATEWAY),
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
        });
        let spec = json!({
            "replicas": 1, "strategy": { "type": "Recreate" },
            "selector": { "matchLabels": selector(GATEWAY) }, "template": pod,
        });
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.metadata(GATEWAY), "spec": spec,
        });
        vec![claim, deployment, self.address(GATEWAY, "grpc", GATEWAY_PORT)]
    }

    /// The services that the configuration has work for.
    fn enabled(&self) -> impl Iterator<Item = &'static Service> {
        SERVICES.iter().filter(|service| {
            let section = service.program().split('-').next().unwrap_or_default();
            self.config[section]["enabled"] != json!(false)
        })
    }

    fn service(&self, service: &Service) -> Vec<Value> {
        let name = service.program();
        let replicas = service.redundancy.replicas();
        let mut ports = Vec::new();
        ports.extend(service.port.map(|port| json!({ "name": "http", "containerPort": port })));
        ports.extend(self.health_port().map(|port| json!({ "name": "health", "containerPort": port })));
        let container = self.container(name, &[name], &json!({ "ports": ports }));
        let mut pod = self.pod(name, &container);
        if let Some(port) = self.health_port() {
            pod["metadata"]["annotations"]["prometheus.io/scrape"] = json!("true");
            pod["metadata"]["annotations"]["prometheus.io/port"] = json!(port.to_string());
        }
        let spec = json!({
            "replicas": replicas,
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } },
            "selector": { "matchLabels": selector(name) }, "template": pod,
        });
        let mut objects = vec![json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.metadata(name), "spec": spec,
        })];
        objects.extend(service.port.map(|port| self.address(name, "http", port)));
        if replicas > 1 {
            objects.push(json!({
                "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": self.metadata(name),
                "spec": { "minAvailable": 1, "selector": { "matchLabels": selector(name) } },
            }));
        }
        objects
    }

    fn health_port(&self) -> Option<u16> {
        ports::of(&self.config["health_listen"])
    }

    fn metadata(&self, name: &str) -> Value {
        json!({ "name": name, "namespace": self.namespace, "labels": labels(name) })
    }

    fn address(&self, name: &str, port_name: &str, port: u16) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": self.metadata(name),
            "spec": { "selector": selector(name), "ports": [{ "name": port_name, "port": port, "targetPort": port_name }] },
        })
    }

    fn container(&self, name: &str, command: &[&str], further: &Value) -> Value {
        let mut container = json!({
            "name": name, "image": self.image, "command": command,
            "securityContext": confined(), "resources": resources(),
            "volumeMounts": [
                { "name": "config", "mountPath": CONFIG_FOLDER, "readOnly": true },
                { "name": "secrets", "mountPath": SECRETS_FOLDER, "readOnly": true },
            ],
        });
        let is_service = further["ports"].is_array();
        for (key, value) in further.as_object().into_iter().flatten() {
            container[key] = value.clone();
        }
        if is_service && self.health_port().is_some() {
            container["readinessProbe"] = json!({
                "httpGet": { "path": "/readyz", "port": "health" },
                "periodSeconds": 3, "timeoutSeconds": 5, "failureThreshold": 4,
            });
            // Waiting for a database or a bus is no reason to be started again, before it takes ten minutes.
            container["livenessProbe"] = json!({
                "httpGet": { "path": "/healthz", "port": "health" },
                "periodSeconds": 30, "timeoutSeconds": 5, "failureThreshold": 20,
            });
        }
        container
    }

    fn pod(&self, name: &str, container: &Value) -> Value {
        json!({
            "metadata": { "labels": labels(name), "annotations": { "huiyin/digest": self.digest } },
            "spec": {
                "automountServiceAccountToken": false,
                "enableServiceLinks": false,
                "terminationGracePeriodSeconds": GRACE_SECONDS,
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
                    "seccompProfile": { "type": "RuntimeDefault" },
                },
                "topologySpreadConstraints": [{
                    "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": { "matchLabels": selector(name) },
                }],
                "containers": [container],
                "volumes": [{ "name": "config", "configMap": { "name": "huiyin" } }, secret_volume(name)],
            },
        })
    }

    /// Of Huiyin nobody reaches anybody, but for what the policies beside it allow.
    fn closed(&self) -> Value {
        let spec =
            json!({ "podSelector": { "matchLabels": part_of() }, "policyTypes": ["Ingress", "Egress"] });
        json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": self.metadata("default-deny"), "spec": spec })
    }

    /// Everybody may look up names.
    fn names(&self) -> Value {
        let ports = ["UDP", "TCP"].map(|protocol| json!({ "protocol": protocol, "port": 53 }));
        let spec = json!({
            "podSelector": { "matchLabels": part_of() }, "policyTypes": ["Egress"], "egress": [{ "ports": ports }],
        });
        json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": self.metadata("allow-dns"), "spec": spec })
    }

    /// Who reaches a program, and whom it reaches.
    fn reach(&self, name: &str, inward: &[Value], outward: &[Value]) -> Value {
        let spec = json!({
            "podSelector": { "matchLabels": selector(name) }, "policyTypes": ["Ingress", "Egress"],
            "ingress": inward, "egress": outward,
        });
        json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": self.metadata(name), "spec": spec })
    }

    fn inward(&self, service: &Service) -> Vec<Value> {
        let mut inward = Vec::new();
        inward.extend(service.port.map(|port| json!({ "ports": [tcp(port)] })));
        inward.extend(self.health_port().map(|port| {
            let monitoring = json!({ "kubernetes.io/metadata.name": MONITORING });
            json!({ "from": [{ "namespaceSelector": { "matchLabels": monitoring } }], "ports": [tcp(port)] })
        }));
        inward
    }

    /// Whoever has a secret besides its logins has it for a call to somebody else.
    fn outward_of(&self, service: &Service) -> Vec<Value> {
        let files = || service.secrets.iter().flat_map(|secrets| secrets.files);
        self.outward(files().next().is_some(), files().any(|file| *file == GATEWAY_TOKEN))
    }

    /// By port, since addresses outside the cluster are not known here.
    fn outward(&self, calls: bool, captures: bool) -> Vec<Value> {
        let mut reached: BTreeSet<u16> = ports::data(self.config);
        reached.extend(ports::traces(self.config));
        if calls {
            reached.extend(ports::outside(self.config));
        }
        if captures {
            reached.extend(ports::of(&self.config["ingest"]["gateway"]["endpoint"]));
        }
        vec![json!({ "ports": reached.into_iter().map(tcp).collect::<Vec<_>>() })]
    }
}

/// What all of them have.
fn part_of() -> Value {
    json!({ "app.kubernetes.io/part-of": "huiyin" })
}

fn labels(name: &str) -> Value {
    json!({ "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "huiyin" })
}

fn selector(name: &str) -> Value {
    json!({ "app.kubernetes.io/name": name })
}

fn tcp(port: u16) -> Value {
    json!({ "protocol": "TCP", "port": port })
}

fn secret_volume(name: &str) -> Value {
    json!({ "name": "secrets", "secret": { "secretName": name, "defaultMode": SECRET_MODE } })
}

fn confined() -> Value {
    json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
    })
}

/// To begin with: enough for a company, to be set by what its own metrics say.
fn resources() -> Value {
    json!({ "requests": { "cpu": "50m", "memory": "128Mi" }, "limits": { "memory": "512Mi" } })
}
