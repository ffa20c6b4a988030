//! The OpenAPI document, and answers that are compared with it.

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::common::Answer;

/// The document.
pub(crate) struct Document {
    pub(crate) value: Value,
}

/// A route with one of its methods.
pub(crate) struct Operation<'a> {
    pub(crate) path: String,
    /// In small letters.
    pub(crate) method: String,
    pub(crate) value: &'a Value,
}

impl Document {
    pub(crate) fn read() -> Self {
        let text = include_str!("../../../../docs/schemas/openapi.json");
        Self { value: serde_json::from_str(text).unwrap() }
    }

    pub(crate) fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.value["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
            methods.map(|(method, value)| Operation { path: path.clone(), method: method.clone(), value })
        });
        operations.collect()
    }

    /// What a reference leads to; the value itself where it is none.
    pub(crate) fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.value.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
            None => value,
        }
    }

    /// The names of the parameters of an operation that are in the path, the query or the header.
    pub(crate) fn parameters(&self, operation: &Operation<'_>, place: &str) -> Vec<String> {
        let lists = [&self.value["paths"][&operation.path]["parameters"], &operation.value["parameters"]];
        let all = lists.into_iter().filter_map(Value::as_array).flatten().map(|it| self.resolved(it));
        let here = all.filter(|it| it["in"] == place);
        here.map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    }

    /// A validator of a schema of the document.
    pub(crate) fn validator(&self, schema: &Value) -> Validator {
        let whole = json!({ "allOf": [schema], "components": self.value["components"] });
        jsonschema::draft202012::new(&whole).unwrap_or_else(|error| panic!("{error}: {schema}"))
    }

    /// Compares an answer with what the document says of its route, status and media type. Gives the operation's id.
    pub(crate) fn check(&self, method: &str, path: &str, answer: &Answer) -> String {
        let operation = self.operation(method, path.split('?').next().unwrap());
        let name = format!("{method} {path} {}", answer.status);
        let response = &operation.value["responses"][answer.status.to_string()];
        assert!(!response.is_null(), "{name} is not in the document: {answer:?}");
        let response = self.resolved(response);
        let kind = answer.header("content-type").unwrap();
        let whole = &response["content"][kind];
        // The boundary of a form differs between answers.
        let media_type = kind.split(';').next().unwrap();
        let content = if whole.is_null() { &response["content"][media_type] } else { whole };
        assert!(!content.is_null(), "{name}: {kind} is not in the document");
        self.check_headers(&name, response, answer);
        if kind == "application/json" {
            let errors: Vec<String> = self
                .validator(&content["schema"])
                .iter_errors(&answer.json())
                .map(|error| format!("{error} at {}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{name}: {errors:?}\n{}", answer.text());
        } else if content["schema"]["type"] == "string" {
            assert!(std::str::from_utf8(&answer.body).is_ok_and(|text| !text.is_empty()), "{name}");
        }
        operation.value["operationId"].as_str().unwrap().to_owned()
    }

    fn check_headers(&self, name: &str, response: &Value, answer: &Answer) {
        for (header, told) in response["headers"].as_object().unwrap() {
            let told = self.resolved(told);
            let Some(value) = answer.header(header) else {
                assert_ne!(told["required"], true, "{name}: the header {header} is missing");
                continue;
            };
            // Numbers as numbers, everything else as text.
            let value = value.parse::<f64>().map_or_else(|_| json!(value), |number| json!(number));
            let text = json!(answer.header(header));
            let validator = self.validator(&told["schema"]);
            assert!(validator.is_valid(&value) || validator.is_valid(&text), "{name}: {header}: {value}");
        }
        let told =
            |line: &str| response["headers"].get(line.split(':').next().unwrap().to_lowercase()).is_some();
        let own =
            answer.head.lines().filter(|line| line.starts_with("anoseg-") || line.starts_with("retry-after"));
        own.for_each(|line| assert!(told(line), "{name}: {line} is not in the document"));
    }

    fn operation(&self, method: &str, path: &str) -> Operation<'_> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |operation: &Operation<'_>| {
            let own: Vec<&str> = operation.path.split('/').collect();
            own.len() == parts.len()
                && own.iter().zip(&parts).all(|(own, part)| own.starts_with('{') || own == part)
        };
        let mut found: Vec<_> =
            self.operations().into_iter().filter(|it| it.method == method && fits(it)).collect();
        // A path without parameters goes before one with them.
        found.sort_by_key(|operation| operation.path.matches('{').count());
        found.into_iter().next().unwrap_or_else(|| panic!("{method} {path} is not in the document"))
    }
}

/// Calls `take` for a value and all that it holds.
pub(crate) fn every(value: &Value, take: &mut impl FnMut(&Value)) {
    take(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| every(item, take)),
        Value::Object(fields) => fields.values().for_each(|field| every(field, take)),
        _ => {}
    }
}
