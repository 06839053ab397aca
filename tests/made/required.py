"""Values for the parameters of saved queries that have no default; they name something in the tiny atlas."""

REQUIRED = {
    "cluster": "1",
    "explanation": "0",
    "feature": "1",
    "number": "2",
    "other_feature": "5",
    "token": "causes",
    "word": "causes",
    "words": "diseases",
}
