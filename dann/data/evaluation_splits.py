"""Test splits of domains: held out where the data set defines none, or made of the few labelled examples."""

from dataclasses import replace

import torch

from dann.data.domain import Domain, Split, is_labelled
from dann.data.splits import hold_out

TEST_SEED = 1  # of the test splits held out of domains that define none; validation splits use 0


def hold_out_test_split(domain: Domain, share: float) -> Domain:
    """``domain`` with a test split, held out where the data set defines none; of share 0 it is empty.

    Of a domain that is labelled in part, only labelled examples are held out: the others cannot test.
    """
    if domain.test is not None:
        return domain
    labelled = domain.train.labelled
    pool = labelled if len(labelled) else domain.train
    train, test = hold_out(pool, share, TEST_SEED)
    if len(pool) < len(domain.train):
        train = domain.train.take(~torch.isin(domain.train.rows, test.rows))
    return replace(domain, train=train, test=test)


def join_test_split(domain: Domain) -> Split:
    """The labelled examples of a domain in their first order, before ``hold_out_test_split`` divided them."""
    parts = [split for split in (domain.train, domain.test) if split is not None]
    rows, y, index = (torch.cat([getattr(part, name) for part in parts]) for name in ("rows", "y", "domain"))
    return Split(domain.train.store, rows, y, index).take(rows.argsort()).labelled


def has_few_labels(domain: Domain) -> bool:
    """Whether a domain without a test split has labels, but for less than half of its examples."""
    return domain.test is None and 0 < 2 * len(domain.train.labelled) < len(domain.train)


def use_labels_to_test(domain: Domain) -> Domain:
    """``domain`` with its labelled examples as its test split."""
    unlabelled = domain.train.take(~is_labelled(domain.train.y))
    return replace(domain, train=unlabelled, test=domain.train.labelled)
