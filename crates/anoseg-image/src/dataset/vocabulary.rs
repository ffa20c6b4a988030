//! Words for good and bad parts in the languages of common users: English, German, French, Spanish,
//! Italian, Portuguese, Polish, Russian, Chinese, Japanese. All are in small letters.

/// Names of folders of good parts.
#[rustfmt::skip]
pub(super) const GOOD: &[&str] = &[
    "good", "goods", "ok", "okay", "normal", "normals", "nominal", "pass", "passed", "passes", "accept", "accepted",
    "acceptable", "conforming", "conformant", "compliant", "perfect", "clean", "io", "i_o", "intact", "healthy",
    "flawless", "faultless", "defectfree", "defect_free", "nodefect", "nodefects", "no_defect", "no_defects",
    "without_defect", "without_defects", "anomaly_free",
    "gut", "gute", "fehlerfrei", "gutteil", "gutteile", "in_ordnung", "einwandfrei", "unbeschädigt",
    "bon", "bonne", "bons", "bonnes", "conforme", "conformes",
    "bueno", "buena", "buenos", "buenas", "correcto", "aceptado", "aprobado",
    "buono", "buona", "buoni", "buone", "conformi", "accettato",
    "bom", "boa", "boas", "aprovado", "aprovados",
    "dobry", "dobra", "dobre", "poprawny", "zgodny",
    "годный", "годные", "годен", "хороший", "хорошие", "норма", "исправный", "исправные",
    "良品", "良", "正常", "正常品", "合格", "合格品", "好", "好品", "無欠陥", "无缺陷", "異常なし",
];

/// Names of folders of defects.
#[rustfmt::skip]
pub(super) const DEFECT: &[&str] = &[
    "bad", "ng", "nok", "ko", "nio", "n_i_o", "def", "defect", "defects", "defective", "anomaly", "anomalies",
    "anomalous", "abnormal", "abnormals", "abnormality", "reject", "rejects", "rejected", "fail", "failed", "fails",
    "faulty", "fault", "faults", "scrap", "broken", "damage", "damaged", "imperfect", "crack", "cracks", "cracked",
    "scratch", "scratches", "scratched", "dent", "dents", "dented", "dirty", "missing",
    "defekt", "defekte", "schlecht", "schlechte", "schlechtteil", "schlechtteile", "ausschuss", "ausschuß", "fehler",
    "fehlerhaft", "nicht_in_ordnung", "schrott", "riss", "risse", "kratzer", "beschädigt",
    "mauvais", "mauvaise", "mauvaises", "rebut", "rebuts", "défaut", "défauts", "defaut", "defauts", "défectueux",
    "defectueux", "fissure", "fissures", "rayure", "rayures",
    "malo", "mala", "malos", "malas", "defecto", "defectos", "defectuoso", "defectuosos", "rechazo", "rechazado",
    "rechazados", "grieta", "grietas",
    "scarto", "scarti", "difetto", "difetti", "difettoso", "difettosi", "guasto", "graffio", "graffi",
    "ruim", "ruins", "defeito", "defeitos", "defeituoso", "rejeitado", "rejeitados", "refugo", "rejeito",
    "zły", "zła", "złe", "zly", "zla", "zle", "wada", "wady", "wadliwy", "wadliwe", "brak", "braki", "uszkodzony",
    "брак", "бракованный", "бракованные", "дефект", "дефекты", "дефектный", "плохой", "плохие", "трещина", "трещины",
    "царапина", "царапины",
    "不良", "不良品", "异常", "異常", "不合格", "不合格品", "缺陷", "欠陥", "欠陥品", "次品", "废品", "廢品", "瑕疵",
];

/// They name the result of a test, which may mean that the part is good, or that a defect was found.
pub(super) const UNCLEAR: &[&str] = &["positive", "positives", "negative", "negatives"];

/// Words that stand for good or bad parts within a longer name, too, such as `good-parts`.
pub(super) const GOOD_WITHIN: &[&str] = &["good", "ok", "normal", "nominal", "defectfree"];
#[rustfmt::skip]
pub(super) const DEFECT_WITHIN: &[&str] = &[
    "bad", "ng", "nok", "ko", "def", "defect", "defects", "defective", "anomaly", "anomalies", "anomalous",
    "abnormal", "reject", "rejects", "rejected", "failed", "faulty",
];

/// They turn the meaning of the word that they stand beside.
#[rustfmt::skip]
pub(super) const NEGATIONS: &[&str] = &[
    "no", "not", "non", "without", "free", "un", "ohne", "kein", "keine", "nicht", "sans", "sin", "senza", "sem",
    "não", "nao", "bez", "nie", "без", "не", "false", "pseudo", "almost", "nearly", "barely",
];

/// They turn the meaning of the word that they begin. The longer ones come first.
pub(super) const NEGATING_STARTS: &[&str] = &["non", "not", "un", "no", "не", "无", "無", "非"];

/// They keep the meaning of the next word: `with_crack`.
pub(super) const WITH: &[&str] = &["with", "mit", "avec", "con", "com", "z", "с"];

/// They say what good or bad is: `goodparts`, `ok images`.
#[rustfmt::skip]
pub(super) const THINGS: &[&str] = &[
    "part", "parts", "piece", "pieces", "item", "items", "sample", "samples", "image", "images", "img", "imgs",
    "picture", "pictures", "photo", "photos", "unit", "units", "product", "products", "class", "set", "data",
    "teil", "teile", "bild", "bilder", "pièce", "pièces", "pieza", "piezas", "pezzo", "pezzi", "peça", "peças",
];
