"""The diabetes study that scikit-learn ships, cut by age: real data of a regression, so nothing is downloaded."""

from typing import Literal

import torch

from dann.data.domain import Domain, Split

MIDDLE = 50  # years; the median age
LEFT_OUT = "age"
Patients = Literal["younger", "older"]


def diabetes(*, patients: Patients = "younger") -> Domain:
    """Patients with diabetes, nine measurements each, and how far the disease went within a year: a regression.

    The 442 patients of Efron et al. 2004: 227 are up to 50 years old, ``younger``, and 215 are ``older``. The
    features are sex, body mass index, blood pressure and six values of the blood serum, unscaled, shape ``(N, 9)``; age
    is left out, as it would identify the domain. The labels are the study's measure of progression, 25 to 346. There is
    no test split, so ``data.test`` of the patients are held out.

    Licence: none is stated; the data are those of the paper's web page. B. Efron, T. Hastie, I. Johnstone, R.
    Tibshirani, *Least Angle Regression*, Annals of Statistics, 2004.

    Args:
        patients: ``younger`` or ``older``.
    """
    from sklearn.datasets import load_diabetes  # takes a second to import

    stored = load_diabetes(scaled=False)
    names = [str(name) for name in stored.feature_names]
    age = torch.from_numpy(stored.data[:, names.index(LEFT_OUT)])
    kept = [name for name in names if name != LEFT_OUT]
    x = torch.from_numpy(stored.data[:, [names.index(name) for name in kept]]).float()
    chosen = (age <= MIDDLE) == (patients == "younger")
    split = Split.of(x[chosen], torch.from_numpy(stored.target).float()[chosen])
    return Domain(f"diabetes/{patients}", split, None, (), "scikit-learn's diabetes", columns=tuple(kept))
