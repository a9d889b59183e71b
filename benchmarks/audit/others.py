"""A real outcome, and a hard one: the mistakes of other ethnicity classifiers.

They fail on the faces that this classifier is unsure of, against the audit's assumption.
"""

import numpy as np

from benchmarks.audit.outcomes import judged
from benchmarks.audit.pools import REPLICATES, answers_to, percent
from ethnicity.audit.prevalence import Reference
from ethnicity.audit.rates import outcome_rates
from ethnicity.classifier import load_classifier
from ethnicity.labels import LABELS
from training import baselines, options
from training.evaluate import PREDICTIONS
from training.markdown import table
from training.report import judged as answered
from training.report import load_predictions

_NETWORKS = ("the original's CNN, on UTKFace", "width 16, on both")


def table_of_others(reference: Reference) -> str:
    """True and audited error rates of two other networks, by test set."""
    calibrations = load_classifier().calibrations
    rows = []
    with np.load(options.ROOT / baselines.GUESSES) as guesses:
        for each in load_predictions(options.ROOT / PREDICTIONS):
            for network in _NETWORKS:
                if f"{network}/{each.name}" not in guesses:
                    continue
                wrong = (guesses[f"{network}/{each.name}"] != each.label)[each.found]
                probabilities, _ = answered(each.logits, each.detail, calibrations)
                drawn, label = probabilities[each.found], each.label[each.found]
                rng = np.random.default_rng(0)
                strata = (answers_to(drawn[wrong]), answers_to(drawn[~wrong]))
                found = outcome_rates(*strata, reference, rng, REPLICATES)
                true = np.array([wrong[label == index].mean() for index in range(len(LABELS))])
                tried = judged(found.value, found.draws, found.drawn_faces, drawn, wrong, true)
                if tried is None:
                    continue
                cells = [
                    f"{percent(true[i], 0)} / {percent(found.value[i], 0)}"
                    if not np.isnan(tried.width[i])
                    else f"{percent(true[i], 0)} / withheld"
                    for i in range(len(LABELS))
                ]
                gaps = [percent(tried.gaps[way], 0) for way in ("true", "audit", "counting")]
                rows.append([each.name, network, *cells, *gaps])
    head = ["set", "network", *LABELS, "gap: true", "audit", "counting"]
    return table(head, rows)
