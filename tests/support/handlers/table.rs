//! Handlers that run the cases of `table.json`: compiled to a component, and run natively with the fakes.

use serde_json::{json, Map, Value};
use wasmcp_guest::http::{Body, HttpError, Request, Timeout};
use wasmcp_guest::{component, config, http, kv, tool, Component, Failure};

#[derive(serde::Deserialize, schemars::JsonSchema)]
pub struct Case {
    /// The case as JSON.
    case: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
pub struct Page {
    url: String,
}

fn name(error: &HttpError) -> Value {
    let mut facts = json!({ "error": error.name() });
    if let Some(code) = error.code() {
        facts["code"] = code.into();
    }
    if let Some(grant) = error.grant() {
        facts["grant"] = grant.into();
    }
    match error {
        HttpError::TransferTimeout { phase, .. } => facts["phase"] = phase.name().into(),
        HttpError::TooManyRedirects { limit, .. } => facts["limit"] = (*limit).into(),
        HttpError::BodyTooLarge { limit, .. } => facts["limit"] = (*limit).into(),
        _ => {}
    }
    facts
}

fn texts(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let pairs = value.as_array().map(Vec::as_slice).unwrap_or_default();
    pairs.iter().map(|pair| (pair[0].as_str().unwrap(), &pair[1]))
}

fn built(case: &Value) -> Request {
    let mut request = http::request(case["method"].as_str().unwrap(), case["url"].as_str().unwrap());
    for (name, value) in texts(&case["params"]) {
        request = request.param(name, value);
    }
    for (name, value) in texts(&case["headers"]) {
        request = request.header(name, value.as_str().unwrap());
    }
    if let Some(value) = case.get("json") {
        request = request.json(value);
    }
    if let Some(fields) = case.get("form") {
        request = request.form(fields);
    }
    if let Some(text) = case["text"].as_str() {
        request = request.body(text);
    }
    if let Some(pieces) = case["pieces"].as_array() {
        let pieces: Vec<String> = pieces.iter().map(|piece| piece.as_str().unwrap().to_owned()).collect();
        request = request.body(Body::pieces(pieces));
    }
    if let Some(limit) = case["max_redirects"].as_u64() {
        request = request.max_redirects(limit as u32);
    }
    if let Some(limit) = case["max_body"].as_u64() {
        request = request.max_body(limit);
    }
    if let Some(seconds) = case["first_byte"].as_f64() {
        let first_byte = Some(std::time::Duration::from_secs_f64(seconds));
        request = request.timeout(Timeout {
            first_byte,
            ..Timeout::default()
        });
    }
    request
}

fn sent(case: &Value) -> Result<Value, HttpError> {
    if case.get("read_lines").is_some() {
        let mut response = built(case).stream()?;
        let lines: Result<Vec<String>, HttpError> = response.lines().collect();
        return Ok(json!({ "status": response.status, "lines": lines? }));
    }
    let mut response = built(case).send()?;
    if case.get("raise_for_status").is_some() {
        response = response.raise_for_status()?;
    }
    if case.get("read_json").is_some() {
        return Ok(json!({ "status": response.status, "json": response.json::<Value>()? }));
    }
    Ok(json!({
        "status": response.status,
        "text": response.text(),
        "url": response.url,
        "redirects": response.redirects.len(),
        "cookies": response.headers.all("set-cookie"),
    }))
}

/// Send the request of a case.
pub fn http_case(case: &Value) -> Value {
    sent(case).unwrap_or_else(|error| name(&error))
}

fn stored(value: &Value) -> kv::Value {
    match value["bytes"].as_array() {
        Some(bytes) => kv::Value::Bytes(bytes.iter().map(|byte| byte.as_u64().unwrap() as u8).collect()),
        None => kv::Value::of(value).unwrap(),
    }
}

fn plain(value: kv::Value) -> Value {
    match value {
        kv::Value::Bytes(bytes) => json!({ "bytes": bytes }),
        other => other.to().unwrap(),
    }
}

fn strings(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

fn step(bucket: &kv::Bucket, step: &Value) -> Result<Value, kv::StoreError> {
    let key = match step["key_length"].as_u64() {
        Some(length) => "k".repeat(length as usize),
        None => step["key"].as_str().unwrap_or_default().to_owned(),
    };
    let value = match step["value_length"].as_u64() {
        Some(length) => kv::Value::String("x".repeat(length as usize)),
        None => stored(&step["value"]),
    };
    let keys = match step["keys"].as_array() {
        Some(_) => strings(&step["keys"]),
        None => (0..step["count"].as_u64().unwrap_or(0)).map(|number| number.to_string()).collect(),
    };
    Ok(match step["op"].as_str().unwrap() {
        "set" => bucket.set_value(&key, &value).map(|()| Value::Null)?,
        "get" => bucket.get_value(&key)?.map_or_else(|| "absent".into(), plain),
        "exists" => bucket.exists(&key)?.into(),
        "delete" => bucket.delete(&key).map(|()| Value::Null)?,
        "increment" => bucket.increment(&key, step["by"].as_i64().unwrap())?.into(),
        "compare_and_swap" => {
            let expected = step["expected"].get("is").map(stored);
            bucket.compare_and_swap(&key, expected, value)?.into()
        }
        "set_many" => {
            let entries: Map<String, Value> = match step["values"].as_object() {
                Some(values) => values.clone(),
                None => keys.into_iter().map(|key| (key, 1.into())).collect(),
            };
            bucket.set_many(entries).map(|()| Value::Null)?
        }
        "get_many" => {
            let found = bucket.get_many::<Value>(keys)?;
            if step.get("keys").is_some() {
                json!(found)
            } else {
                found.len().into()
            }
        }
        "delete_many" => bucket.delete_many(keys).map(|()| Value::Null)?,
        "update" => {
            let by = step["by"].as_i64().unwrap();
            bucket.update(&key, |before: Option<i64>| before.unwrap_or(0) + by)?.into()
        }
        "items" => {
            let items: Result<Map<String, Value>, _> = bucket.items(step["prefix"].as_str().unwrap()).collect();
            json!(items?)
        }
        "keys" => {
            let keys: Result<Vec<String>, _> = bucket.keys(step["prefix"].as_str().unwrap()).collect();
            json!(keys?)
        }
        "open" => {
            let long = "n".repeat(step["bucket_length"].as_u64().unwrap_or(0) as usize);
            kv::open(step["bucket"].as_str().unwrap_or(&long))?;
            Value::Null
        }
        other => panic!("unknown step {other}"),
    })
}

/// Do the steps of a case in a bucket, and return the outcome of each.
pub fn kv_case(case: &Value) -> Value {
    let bucket = kv::open(case["bucket"].as_str().unwrap()).unwrap();
    let steps = case["steps"].as_array().unwrap().iter();
    let outcomes = steps.map(|given| match step(&bucket, given) {
        Ok(value) => json!({ "gives": value }),
        Err(error) => json!({ "fails": error.name(), "message": error.to_string() }),
    });
    outcomes.collect()
}

fn read<T: serde::de::DeserializeOwned + serde::Serialize>(lookup: &Value) -> Result<Value, config::ConfigError> {
    let key = lookup["key"].as_str().unwrap();
    let found: T = match lookup.get("default") {
        Some(default) => config::get_or(key, serde_json::from_value(default.clone()).unwrap())?,
        None => config::get(key)?,
    };
    Ok(json!(found))
}

/// Read the values of lookups, and return the outcome of each.
pub fn config_case(lookups: &Value) -> Value {
    let outcomes = lookups.as_array().unwrap().iter().map(|lookup| {
        let found = match lookup["kind"].as_str().unwrap() {
            "text" => read::<String>(lookup),
            "integer" => read::<i64>(lookup),
            "number" => read::<f64>(lookup),
            "boolean" => read::<bool>(lookup),
            _ => read::<Vec<String>>(lookup),
        };
        match found {
            Ok(value) => json!({ "gives": value }),
            Err(error) => json!({ "fails": error.name(), "message": error.to_string() }),
        }
    });
    outcomes.collect()
}

/// Fetch a page, keep it, and return it with the greeting of the configuration and the number of pages so far.
pub fn keep(args: Page) -> Result<Value, Failure> {
    let page = http::get(&args.url).send()?.raise_for_status()?;
    let pages = kv::open("")?;
    pages.set(
        "rust/page",
        &json!({ "text": page.text(), "greeting": config::get::<String>("greeting")? }),
    )?;
    let count = pages.increment("rust/count", 1)?;
    Ok(json!({ "kept": pages.get::<Value>("rust/page")?, "count": count }))
}

fn run(args: Case, function: fn(&Value) -> Value) -> Result<String, Failure> {
    Ok(function(&serde_json::from_str(&args.case)?).to_string())
}

component!(|| Component::new()
    .tool(tool("rust_http", "Send a request.", |args: Case| run(args, http_case)))
    .tool(tool("rust_kv", "Use a bucket.", |args: Case| run(args, kv_case)))
    .tool(tool("rust_config", "Read the configuration.", |args: Case| run(
        args,
        config_case
    )))
    .tool(tool("rust_keep", "Keep a page.", |args: Page| keep(args)
        .map(|kept| kept.to_string()))));

#[cfg(test)]
mod tests {
    use super::*;
    use wasmcp_guest::testing::{fake_config, fake_http, fake_kv, Answer, FakeHttp};

    fn table() -> Value {
        let path = std::env::var("TABLE_PATH").expect("the path of table.json");
        let text = std::fs::read_to_string(path).unwrap();
        let text = text
            .replace("{a:me:p%40ss}", "http://me:p%40ss@a.test")
            .replace("{a}", "http://a.test");
        serde_json::from_str(
            &text
                .replace("{b}", "http://b.test:8080")
                .replace("{closed}", "http://closed.test"),
        )
        .unwrap()
    }

    fn routed(network: &FakeHttp, routes: &Value) {
        for (url, route) in routes.as_object().into_iter().flatten() {
            let mut answer = match route["error"].as_str() {
                Some(code) => Answer::error(code),
                None => Answer::bytes(route["body"].as_str().unwrap_or_default()),
            };
            for (name, value) in texts(&route["headers"]) {
                answer = answer.header(name, value.as_str().unwrap());
            }
            network.route("*", url, answer.status(route["status"].as_u64().unwrap_or(200) as u16));
        }
    }

    /// Compare an outcome with that of a step or a lookup.
    fn assert_outcome(found: &Value, step: &Value) {
        let Some(name) = step.get("fails") else {
            assert_eq!(found, &json!({ "gives": step["gives"] }), "{step}");
            return;
        };
        assert_eq!(&found["fails"], name, "{step}");
        let message = found["message"].as_str().unwrap();
        assert_eq!(message, step["message"].as_str().unwrap_or(message), "{step}");
        assert!(message.starts_with(step["begins"].as_str().unwrap_or_default()), "{step}: {message}");
        assert!(!message.contains("hunter2"), "{step}");
    }

    fn assert_contains(found: &Value, expected: &Value, place: &str) {
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&found[member], value, "{place}: {member}");
        }
    }

    #[test]
    fn http_cases() {
        for case in table()["http"].as_array().unwrap() {
            let place = case["name"].as_str().unwrap();
            let network = fake_http();
            routed(&network, &case["routes"]);
            assert_contains(&http_case(&case["request"]), &case["outcome"], place);
            let Some(expected) = case["sent"].as_array() else {
                continue;
            };
            let requests = network.requests();
            assert_eq!(requests.len(), expected.len(), "{place}");
            for (request, expected) in requests.iter().zip(expected) {
                for (member, value) in expected.as_object().unwrap() {
                    let found = match member.as_str() {
                        "method" => json!(request.method),
                        "url" => json!(request.url),
                        "body" => json!(String::from_utf8(request.body.clone()).unwrap()),
                        "json" => request.json(),
                        _ => {
                            for (name, values) in value.as_object().unwrap() {
                                assert_eq!(&json!(request.headers.all(name)), values, "{place}: {name}");
                            }
                            continue;
                        }
                    };
                    assert_eq!(&found, value, "{place}: {member}");
                }
            }
        }
    }

    #[test]
    fn kv_cases() {
        for case in table()["kv"].as_array().unwrap() {
            let _store = fake_kv();
            let found = kv_case(&json!({ "bucket": "", "steps": case["steps"] }));
            for (step, found) in case["steps"].as_array().unwrap().iter().zip(found.as_array().unwrap()) {
                assert_outcome(found, step);
            }
        }
    }

    #[test]
    fn config_cases() {
        let config = &table()["config"];
        let variables = config["environment"].as_object().unwrap().iter();
        let variables = variables.map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned()));
        let _config = fake_config(config["table"].clone()).environment(variables);
        let found = config_case(&config["lookups"]);
        for (lookup, found) in config["lookups"]
            .as_array()
            .unwrap()
            .iter()
            .zip(found.as_array().unwrap())
        {
            assert_outcome(found, lookup);
        }
    }

    #[test]
    fn a_page_is_kept() {
        let (network, store) = (fake_http(), fake_kv());
        let _config = fake_config(json!({ "greeting": "Hi" }));
        network.route("GET", "http://a.test/page", Answer::text("a page"));
        let kept = keep(Page {
            url: "http://a.test/page".into(),
        })
        .unwrap();
        assert_eq!(
            kept,
            json!({ "kept": { "text": "a page", "greeting": "Hi" }, "count": 1 })
        );
        assert_eq!(store.bucket("").get::<i64>("rust/count").unwrap(), Some(1));
        assert!(keep(Page {
            url: "ftp://a.test/".into()
        })
        .is_err());
    }
}
