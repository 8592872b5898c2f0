//! A real folder of recipes goes into the service and can be searched.

use std::env;

use obs_tests::service::Setup;

#[test]
fn a_folder_of_recipes_is_read_and_can_be_searched() {
    let Some(corpus) = env::var_os("RECIPE_CORPUS") else {
        println!("SKIPPED: RECIPE_CORPUS is not set");
        return;
    };
    let corpus = corpus.into_string().expect("RECIPE_CORPUS is text");
    let seeded = Setup::new()
        .argument("seed")
        .argument("--from")
        .argument(&corpus)
        .run();
    assert_eq!(seeded.code, Some(0), "{}", seeded.terminal());
    assert!(seeded.stdout.contains("410 loaded"), "{}", seeded.stdout);
    assert!(
        seeded.stdout.contains("_index.md"),
        "named as no recipe: {}",
        seeded.stdout
    );
    assert!(!seeded.stdout.contains('{'), "only data: {}", seeded.stdout);

    let service = Setup::in_folder(seeded.folder()).start();
    let all = service.get("/api/v1/recipes?limit=1").json();
    assert_eq!(
        all["pagination"]["total"], 410,
        "no demo set beside them: {all}"
    );
    let found = service.get("/api/v1/recipes?q=aglio+olio").json();
    let titles: Vec<_> = found["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|recipe| &recipe["title"])
        .collect();
    assert!(
        titles
            .iter()
            .any(|title| title.as_str().unwrap().to_lowercase().contains("aglio")),
        "{titles:?}"
    );
    let id = found["data"][0]["id"].as_str().unwrap();
    let recipe = service.get(&format!("/api/v1/recipes/{id}")).json();
    for list in ["ingredients", "steps"] {
        assert!(
            !recipe[list].as_array().unwrap().is_empty(),
            "{list} of {recipe}"
        );
    }
    assert_eq!(service.stop().code, Some(0));

    // Reading the same folder again changes nothing but the dates.
    let again = Setup::in_folder(seeded.folder())
        .argument("seed")
        .argument("--from")
        .argument(&corpus)
        .run();
    assert!(
        again.stdout.contains("0 loaded, 410 updated"),
        "{}",
        again.stdout
    );
}
