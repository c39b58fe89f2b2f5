"""Reference values of the feature tests: columns of real data and what scikit-learn and numpy make of them.

usage: features_reference.py SHARED FOLDER
Writes into FOLDER for each column NAME: NAME.raw (float32, NaN missing) and, of the imputed column, NAME.standardise,
NAME.quantile (float64), and NAME.exact (uint8: 1 where no quantile near the value is tied). `columns.txt` lists the names.
"""
import os
import sys

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import QuantileTransformer, StandardScaler

COLUMNS = {
    "uci-credit-default/UCI_Credit_Card.csv.gz": ["LIMIT_BAL", "AGE", "BILL_AMT1", "PAY_AMT1", "PAY_0"],
    "give-me-some-credit/cs-training.csv.gz": ["MonthlyIncome", "RevolvingUtilizationOfUnsecuredLines", "DebtRatio", "age"],
}


def tied_share(quantiles):
    """For each quantile, whether it equals a neighbour."""
    tied = np.zeros(len(quantiles), bool)
    same = quantiles[1:] == quantiles[:-1]
    tied[1:] |= same
    tied[:-1] |= same
    return tied


def main(shared, folder):
    names = []
    for file, columns in COLUMNS.items():
        table = pd.read_csv(os.path.join(shared, "data", file), usecols=columns)
        for name in columns:
            raw = table[name].to_numpy(np.float32).reshape(-1, 1)
            filled = SimpleImputer(strategy="median").fit_transform(raw)
            rows = len(filled)
            count = max(min(rows // 30, 1000), 10)
            transformer = QuantileTransformer(n_quantiles=count, output_distribution="normal", subsample=None).fit(filled)
            quantiles = transformer.quantiles_[:, 0]
            tied = tied_share(quantiles)
            values = filled[:, 0]
            after = np.clip(np.searchsorted(quantiles, values, "right"), 0, count - 1)
            before = np.clip(np.searchsorted(quantiles, values, "left") - 1, 0, count - 1)
            inside = (values > quantiles[0]) & (values < quantiles[-1])
            names.append(name)
            raw.tofile(os.path.join(folder, name + ".raw"))
            StandardScaler().fit_transform(filled.astype(np.float64)).tofile(os.path.join(folder, name + ".standardise"))
            transformer.transform(filled).astype(np.float64).tofile(os.path.join(folder, name + ".quantile"))
            (inside & ~tied[after] & ~tied[before]).astype(np.uint8).tofile(os.path.join(folder, name + ".exact"))
    with open(os.path.join(folder, "columns.txt"), "w") as listing:
        listing.write("\n".join(names) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
