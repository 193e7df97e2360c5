"""Answers to the exercises of chapter 2, right and wrong."""

import numpy as np
import scipy.linalg
import torch

# --- exercise 1 ---------------------------------------------------------


def whitening_matrices(cov, eps):
    lam, U = np.linalg.eigh(cov)
    lam, U = lam[::-1] + eps, U[:, ::-1]
    if lam[-1] <= 1e-10 * lam[0]:
        raise ValueError("no full rank; give an eps")
    pca = U / np.sqrt(lam)
    L = np.linalg.cholesky(cov + eps * np.eye(len(cov)))
    return pca, pca @ U.T, np.linalg.inv(L).T


def for_columns(cov, eps):
    """Return the matrices of the chapter, for z = W (x - mu)."""
    return [W.T for W in whitening_matrices(cov, eps)]


def for_rows(answer):
    """Return an answer to the task from one for z = W (x - mu)."""
    return lambda cov, eps: [W.T for W in answer(cov, eps)]


def regularized(cov, eps):
    return cov + eps * np.eye(len(cov))


def full_rank(cov, eps):
    lam = np.linalg.eigvalsh(regularized(cov, eps))
    if not lam[0] > 1e-10 * lam[-1]:
        raise ValueError("no full rank")


def by_svd(cov, eps):
    full_rank(cov, eps)
    U, s, _ = np.linalg.svd(regularized(cov, eps))
    pca = np.diag(s**-0.5) @ U.T
    L = np.linalg.cholesky(regularized(cov, eps))
    lower = scipy.linalg.solve_triangular(L, np.eye(len(L)), lower=True)
    return -pca, U @ pca, lower


def by_sqrtm(cov, eps):
    full_rank(cov, eps)
    pca = by_svd(cov, eps)[0]
    zca = np.linalg.inv(scipy.linalg.sqrtm(regularized(cov, eps)))
    L = scipy.linalg.cholesky(regularized(cov, eps), lower=True)
    return pca, zca.real, np.linalg.solve(L, np.eye(len(L)))


def in_einsum(cov, eps):
    full_rank(cov, eps)
    lam, U = np.linalg.eigh(cov)
    root = (lam + eps) ** -0.5
    zca = np.einsum("ik,k,jk->ij", U, root, U)
    pca = np.einsum("k,jk->kj", root, U)[::-1]
    return pca, zca, for_columns(cov, eps)[2]


def matrices_torch(cov, eps):
    full_rank(cov, eps)
    t = torch.from_numpy(regularized(cov, eps))
    lam, U = torch.linalg.eigh(t)
    pca = (U / lam.sqrt()).T.flip(0)
    zca = U @ torch.diag(lam.rsqrt()) @ U.T
    return pca, zca, torch.linalg.inv(torch.linalg.cholesky(t))


def matrices_float32(cov, eps):
    full_rank(cov, eps)
    return for_columns(cov.astype(np.float32), np.float32(eps))


def wrong_matrices(pca=None, zca=None, cholesky=None):
    """Return an answer as people write it who get one thing wrong."""

    def answer(cov, eps):
        found = list(for_columns(cov, eps))
        lam, U = np.linalg.eigh(cov)
        lam, U = lam[::-1], U[:, ::-1]
        if pca:
            found[0] = pca(lam, U, eps)
        if zca:
            found[1] = zca(lam, U, eps)
        if cholesky:
            found[2] = cholesky(cov, eps)
        return found

    return for_rows(answer)


def no_refusal(cov, eps):
    try:
        return for_columns(cov, eps)
    except ValueError:
        return (cov,) * 3


def overwritten(cov, eps):
    full_rank(cov, eps)
    cov[np.diag_indices(len(cov))] += eps
    return for_columns(cov, 0)


def rank_before(cov, eps):
    if np.linalg.matrix_rank(cov, tol=1e-10 * np.linalg.norm(cov, 2)) < len(cov):
        raise ValueError("no full rank")
    return for_columns(cov, eps)


def unchecked(cov, eps):
    lam, U = np.linalg.eigh(cov)
    pca = (U[:, ::-1] / np.sqrt(lam[::-1] + eps)).T
    return pca, U[:, ::-1] @ pca, np.linalg.inv(np.linalg.cholesky(regularized(cov, eps)))


def absolute(cov, eps):
    if np.linalg.eigvalsh(regularized(cov, eps))[0] <= 1e-10:
        raise ValueError("no full rank")
    return unchecked(cov, eps)


def by_rank(cov, eps):
    if np.linalg.matrix_rank(regularized(cov, eps)) < len(cov):
        raise ValueError("no full rank")
    return unchecked(cov, eps)


def by_cholesky(cov, eps):
    np.linalg.cholesky(regularized(cov, eps))
    return unchecked(cov, eps)


chol = np.linalg.cholesky
inv = np.linalg.inv

MATRIX = {
    "solution": whitening_matrices,
    "right": {
        "svd": for_rows(by_svd),
        "sqrtm": for_rows(by_sqrtm),
        "einsum": for_rows(in_einsum),
        "torch": for_rows(matrices_torch),
    },
    "wrong": {
        "float32": (for_rows(matrices_float32), ""),
        "rank before eps": (for_rows(rank_before), ""),
        "absolute threshold": (for_rows(absolute), "accepts a covariance without"),
        "matrix_rank": (for_rows(by_rank), "accepts a covariance without"),
        "crash for a refusal": (for_rows(by_cholesky), "accepts a covariance without"),
        "PCA without eps": (
            wrong_matrices(pca=lambda lam, U, eps: (U / np.sqrt(lam)).T),
            "without eps",
        ),
        "ascending": (
            wrong_matrices(pca=lambda lam, U, eps: (U / np.sqrt(lam + eps)).T[::-1]),
            "the smallest variance first",
        ),
        "upper": (
            wrong_matrices(
                cholesky=lambda c, eps: np.linalg.inv(np.linalg.cholesky(regularized(c, eps)).T)
            ),
            "it is for columns",
        ),
        "times the root": (
            wrong_matrices(lambda s, U, e: (U * np.sqrt(s + e)).T),
            "the root, not the inverse root",
        ),
        "no root": (
            wrong_matrices(lambda s, U, e: (U / (s + e)).T),
            "by the eigenvalues",
        ),
        "eps outside": (
            wrong_matrices(lambda s, U, e: (U / (np.sqrt(s) + e)).T),
            "after the root",
        ),
        "no eps": (
            wrong_matrices(lambda s, U, e: (U / np.sqrt(s)).T),
            "without eps",
        ),
        "smallest first": (
            wrong_matrices(lambda s, U, e: (U / np.sqrt(s + e)).T[::-1]),
            "the smallest variance first",
        ),
        "not transposed": (
            wrong_matrices(lambda s, U, e: U / np.sqrt(s + e)),
            "it is for columns",
        ),
        "columns of U.T": (
            wrong_matrices(lambda s, U, e: U.T / np.sqrt(s + e)),
            "the rows of U scaled",
        ),
        "rotation alone": (
            wrong_matrices(lambda s, U, e: U.T),
            "the rotation alone",
        ),
        "ZCA is PCA": (
            wrong_matrices(zca=lambda s, U, e: (U / np.sqrt(s + e)).T),
            "the last rotation is missing",
        ),
        "ZCA turned wrong": (
            wrong_matrices(zca=lambda s, U, e: (U.T / np.sqrt(s + e)) @ U),
            "eigenvectors taken from the rows",
        ),
        "ZCA without eps": (
            wrong_matrices(zca=lambda s, U, e: (U / np.sqrt(s)) @ U.T),
            "without eps",
        ),
        "ZCA inverse": (
            wrong_matrices(zca=lambda s, U, e: (U / (s + e)) @ U.T),
            "by the eigenvalues",
        ),
        "the chapter's cell": (for_columns, "it is for columns"),
        "L": (
            wrong_matrices(cholesky=lambda c, e: chol(regularized(c, e)).T),
            "L itself",
        ),
        "L.T": (
            wrong_matrices(cholesky=lambda c, e: chol(regularized(c, e))),
            "the transpose of L",
        ),
        "inverse of L.T": (
            wrong_matrices(cholesky=lambda c, e: inv(chol(regularized(c, e)).T)),
            "it is for columns",
        ),
        "factor of the inverse": (
            wrong_matrices(cholesky=lambda c, e: chol(inv(regularized(c, e)))),
            "not the inverse of the factor",
        ),
        "its transpose": (
            wrong_matrices(cholesky=lambda c, e: chol(inv(regularized(c, e))).T),
            "lower triangular",
        ),
        "Cholesky without eps": (
            wrong_matrices(cholesky=lambda c, e: inv(chol(c))),
            "without eps",
        ),
        "eps everywhere": (
            wrong_matrices(cholesky=lambda c, e: inv(chol(c + e))),
            "",
        ),
        "not refused": (for_rows(no_refusal), "accepts a covariance without"),
        "in place": (for_rows(overwritten), "work on a copy"),
    },
    "equivalent": {
        (
            "if lam[-1] <= 1e-10 * lam[0]: -> "
            "if lam[-1] <= 1e-10 * lam[1]: "
            "raise ValueError('no full rank; give an eps')"
        ): "the second largest eigenvalue sets a scale as well",
    },
}

# --- exercise 2 ---------------------------------------------------------


def zca(x, eps):
    d = x - x.mean(axis=0)
    cov = d.T @ d / len(d)
    lam, U = np.linalg.eigh(cov)
    return d @ (U / np.sqrt(lam + eps)) @ U.T


def zca_np_cov(x, eps):
    cov = np.atleast_2d(np.cov(x.T, bias=True))
    W = scipy.linalg.sqrtm(inv(cov + eps * np.eye(len(cov)))).real
    return (x - x.mean(0)) @ W.T


def zca_svd(x, eps):
    d = x - x.mean(0)
    _, s, Vt = np.linalg.svd(d, full_matrices=True)
    lam = np.zeros(x.shape[1])
    lam[: len(s)] = s**2 / len(x)
    return d @ Vt.T @ np.diag((lam + eps) ** -0.5) @ Vt


def zca_loops(x, eps):
    m, n = x.shape
    mu = [sum(x[:, j]) / m for j in range(n)]
    cov = np.zeros((n, n))
    for row in x:
        cov += np.outer(row - mu, row - mu) / m
    lam, U = np.linalg.eigh(cov)
    W = sum(np.outer(U[:, k], U[:, k]) / np.sqrt(lam[k] + eps) for k in range(n))
    return np.array([W @ (row - mu) for row in x])


def zca_einsum(x, eps):
    d = x - x.mean(0)
    cov = np.einsum("mi,mj->ij", d, d) / len(d)
    lam, U = np.linalg.eigh(cov)
    return np.einsum("mi,ik,k,jk->mj", d, U, (lam + eps) ** -0.5, U)


def zca_float32(x, eps):
    d = (x - x.mean(0)).astype(np.float32)
    lam, U = np.linalg.eigh(d.T @ d / np.float32(len(d)))
    return d @ (U / np.sqrt(lam + np.float32(eps))) @ U.T


def zca_torch(x, eps):
    t = torch.from_numpy(x)
    d = t - t.mean(0)
    lam, U = torch.linalg.eigh(d.T @ d / len(d))
    return d @ U @ torch.diag((lam + eps).rsqrt()) @ U.T


def zca_with(x, root):
    d = x - x.mean(axis=0)
    lam, U = np.linalg.eigh(d.T @ d / len(d))
    return d @ (U / root(lam)) @ U.T


def wrong_zca(inner=None, outer=None, divide=len, root=None, apply=None):
    """Return a ZCA as people write it who get one thing wrong."""

    def centred(x):
        return x - x.mean(0)

    def answer(x, eps):
        v = (inner or centred)(x)
        lam, U = np.linalg.eigh(v.T @ v / divide(v))
        scale = 1 / np.sqrt(lam + eps) if root is None else root(lam, eps)
        d = (outer or centred)(x)
        return d @ (U * scale) @ U.T if apply is None else apply(d, U, scale)

    return answer


def same(x):
    return x


def everywhere(x, eps):
    d = x - x.mean(0)
    lam, U = np.linalg.eigh(d.T @ d / len(d) + eps)
    return d @ (U / np.sqrt(lam)) @ U.T


def with_cholesky(x, eps):
    d = x - x.mean(0)
    return d @ inv(chol(regularized(d.T @ d / len(d), eps))).T


def eps_of_0_1(x, eps):
    """Hide a covariance without full rank, as a public notebook does."""
    return zca(x, 0.1)


def whitened_in_place(x, eps):
    x -= x.mean(0)
    return zca(x, eps)


def twice_the_mean(x):
    return x - 2 * x.mean(0)


ZCA = {
    "solution": zca,
    "right": {
        "np.cov, sqrtm": zca_np_cov,
        "svd of the data": zca_svd,
        "loops": zca_loops,
        "einsum": zca_einsum,
        "float32": zca_float32,
        "torch": zca_torch,
    },
    "wrong": {
        "root of eps": (
            lambda x, eps: zca_with(x, lambda lam: np.sqrt(abs(lam)) + np.sqrt(eps)),
            "the root of eps",
        ),
        "max": (
            lambda x, eps: zca_with(x, lambda lam: np.sqrt(np.maximum(lam, eps))),
            "as the least eigenvalue",
        ),
        "sample covariance": (
            lambda x, eps: (x - x.mean(0)) @ root_of(np.cov(x.T) + eps * np.eye(x.shape[1])),
            "divided by m - 1",
        ),
        "uncentred result": (
            lambda x, eps: x @ root_of(np.cov(x.T, ddof=0) + eps * np.eye(x.shape[1])),
            "x without its mean subtracted",
        ),
        "the note": (
            wrong_zca(same, same, lambda v: 1),
            "the note's formula",
        ),
        "X.T X": (
            wrong_zca(same, None, lambda v: 1),
            "without its mean and without 1/m",
        ),
        "no 1/m": (wrong_zca(divide=lambda v: 1), "without 1/m"),
        "m - 1": (wrong_zca(divide=lambda v: len(v) - 1), "m - 1"),
        "np.cov": (
            wrong_zca(
                divide=lambda v: len(v) - 1,
            ),
            "m - 1",
        ),
        "never centred": (
            wrong_zca(same, same),
            "neither in the covariance nor",
        ),
        "covariance not centred": (
            wrong_zca(same),
            "from which no mean",
        ),
        "x not centred": (
            wrong_zca(outer=same),
            "though the covariance is right",
        ),
        "centred twice": (wrong_zca(outer=twice_the_mean), ""),
        "whole mean": (
            wrong_zca(lambda x: x - x.mean(), lambda x: x - x.mean()),
            "the whole array",
        ),
        "mean of rows": (
            wrong_zca(*[lambda x: x - x.mean(1, keepdims=True)] * 2),
            "each sample",
        ),
        "no root": (
            wrong_zca(root=lambda lam, eps: 1 / (lam + eps)),
            "not by their roots",
        ),
        "root": (
            wrong_zca(root=lambda lam, eps: np.sqrt(lam + eps)),
            "not the inverse root",
        ),
        "eps outside": (
            wrong_zca(root=lambda lam, eps: 1 / (np.sqrt(abs(lam)) + eps)),
            "after the root",
        ),
        "no eps": (
            wrong_zca(root=lambda lam, eps: 1 / np.sqrt(abs(lam))),
            "without eps",
        ),
        "eps of 0.1": (eps_of_0_1, ""),
        "PCA": (
            wrong_zca(apply=lambda d, U, scale: d @ (U * scale)),
            "the last rotation is missing",
        ),
        "turned wrong": (
            wrong_zca(apply=lambda d, U, scale: d @ (U.T * scale) @ U),
            "in the wrong order",
        ),
        "Cholesky": (with_cholesky, "Cholesky"),
        "standardized": (
            lambda x, eps: (x - x.mean(0)) / np.sqrt(x.var(0) + eps),
            "standardization",
        ),
        "cov + eps": (everywhere, "each entry"),
        "transposed": (lambda x, eps: zca(x, eps).T, "shape"),
        "in place": (whitened_in_place, "work on a copy"),
    },
}

# --- exercise 3 ---------------------------------------------------------


def zca_cor_matrix(cov):
    sd = np.sqrt(np.diag(cov))
    lam, U = np.linalg.eigh(cov / np.outer(sd, sd))
    return (U / np.sqrt(lam)) @ U.T / sd


def cor_sqrtm(cov):
    V = np.diag(np.diag(cov) ** -0.5)
    return scipy.linalg.sqrtm(inv(V @ cov @ V)).real @ V


def cor_loops(cov):
    n = len(cov)
    P = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            P[i, j] = cov[i, j] / (cov[i, i] * cov[j, j]) ** 0.5
    lam, U = np.linalg.eigh(P)
    W = np.zeros((n, n))
    for k in range(n):
        W += np.outer(U[:, k], U[:, k]) / lam[k] ** 0.5
    return W @ np.diag(1 / np.sqrt(np.diag(cov)))


def cor_einsum(cov):
    s = np.diag(cov) ** -0.5
    P = np.einsum("i,ij,j->ij", s, cov, s)
    lam, U = np.linalg.eigh(P)
    return np.einsum("ik,k,jk,j->ij", U, lam**-0.5, U, s)


def cor_float32(cov):
    return zca_cor_matrix(cov.astype(np.float32))


def cor_torch(cov):
    t = torch.from_numpy(cov)
    s = t.diagonal().rsqrt()
    lam, U = torch.linalg.eigh(s[:, None] * t * s)
    return (U * lam.rsqrt()) @ U.T * s


def root_of(matrix, exponent=-0.5):
    lam, U = np.linalg.eigh(matrix)
    return (U * lam**exponent) @ U.T


def correlation(cov):
    sd = np.diag(cov) ** 0.5
    return cov / sd / sd[:, None]


def cor_in_place(cov):
    sd = np.sqrt(np.diag(cov))
    cov /= np.outer(sd, sd)
    return root_of(cov) / sd


ZCA_COR = {
    "solution": zca_cor_matrix,
    "right": {
        "sqrtm": cor_sqrtm,
        "loops": cor_loops,
        "einsum": cor_einsum,
        "float32": cor_float32,
        "torch": cor_torch,
    },
    "wrong": {
        "ZCA": (lambda c: root_of(c), "no standardization"),
        "wrong order": (
            lambda c: root_of(correlation(c)) / np.sqrt(np.diag(c))[:, None],
            "the two steps in the wrong order",
        ),
        "no scales": (
            lambda c: root_of(correlation(c)),
            "without the step that standardizes",
        ),
        "scales alone": (
            lambda c: np.diag(np.diag(c) ** -0.5),
            "standardization alone",
        ),
        "by variances": (
            lambda c: root_of(correlation(c)) / np.diag(c),
            "a division by the variances",
        ),
        "times sd": (
            lambda c: root_of(correlation(c)) * np.sqrt(np.diag(c)),
            "a product with",
        ),
        "inverse": (
            lambda c: inv(correlation(c)) / np.sqrt(np.diag(c)),
            "the inverse of the correlations",
        ),
        "root": (
            lambda c: root_of(correlation(c), 0.5) / np.sqrt(np.diag(c)),
            "the root of the correlations",
        ),
        "correlations": (
            lambda c: correlation(c) / np.sqrt(np.diag(c)),
            "the correlations themselves",
        ),
        "ZCA, then sd": (
            lambda c: root_of(c) / np.sqrt(np.diag(c)),
            "ZCA of the covariance after",
        ),
        "no root in the correlation": (
            lambda c: root_of(c / np.outer(np.diag(c), np.diag(c))) / np.sqrt(np.diag(c)),
            "the product of the variances",
        ),
        "PCA-cor": (
            lambda c: (
                np.linalg.eigh(correlation(c))[0][:, None] ** -0.5
                * np.linalg.eigh(correlation(c))[1].T
                / np.sqrt(np.diag(c))
            ),
            "",
        ),
        "Cholesky": (
            lambda c: inv(chol(correlation(c))) / np.sqrt(np.diag(c)),
            "the rotation of Cholesky",
        ),
        "Cholesky of the covariance": (
            lambda c: inv(chol(c)),
            "the rotation of Cholesky",
        ),
        "np.corrcoef": (
            lambda c: root_of(np.corrcoef(c)) / np.sqrt(np.diag(c)),
            "",
        ),
        "in place": (cor_in_place, "work on a copy"),
    },
}

# --- exercise 4 ---------------------------------------------------------


def inverse_root(cov, steps):
    norm = np.sqrt((cov * cov).sum())
    eye = np.eye(len(cov))
    Y, Z = cov / norm, eye
    for _ in range(steps):
        factor = (3 * eye - Z @ Y) / 2
        Y, Z = Y @ factor, factor @ Z
    W = Z / np.sqrt(norm)
    return W, np.linalg.norm(W @ cov @ W - eye)


def from_z_and_y(cov, steps):
    """Z Y tends to the identity as W Sigma W does; they are equal on paper."""
    norm, eye = np.linalg.norm(cov), np.eye(len(cov))
    Y, Z = cov / norm, eye
    for _ in range(steps):
        T = 1.5 * eye - Z @ Y / 2
        Y, Z = Y @ T, T @ Z
    return Z / np.sqrt(norm), np.sqrt(((Z @ Y - eye) ** 2).sum())


def measured(root, distance=np.linalg.norm):
    """Return an answer that measures the distance of a root that it gets elsewhere."""

    def answer(cov, steps):
        given = np.array(cov)
        W = np.asarray(root(cov, steps))
        return W, distance(W @ given @ W - np.eye(len(W)))

    return answer


def plain_root(cov, steps):
    norm = np.sqrt((cov * cov).sum())
    eye = np.eye(len(cov))
    Y, Z = cov / norm, eye
    for _ in range(steps):
        factor = (3 * eye - Z @ Y) / 2
        Y, Z = Y @ factor, factor @ Z
    return Z / np.sqrt(norm)


def with_half(cov, steps):
    norm = np.linalg.norm(cov)
    Y, Z = cov / norm, np.eye(len(cov))
    for _ in range(steps):
        residual = (np.eye(len(cov)) - Z @ Y) / 2
        Y = Y + Y @ residual
        Z = Z + residual @ Z
    return Z * norm**-0.5


def root_einsum(cov, steps):
    norm = np.einsum("ij,ij->", cov, cov) ** 0.5
    Y, Z = cov / norm, np.eye(len(cov))
    for _ in range(steps):
        T = 1.5 * np.eye(len(cov)) - 0.5 * np.einsum("ij,jk->ik", Z, Y)
        Y = np.einsum("ij,jk->ik", Y, T)
        Z = np.einsum("ij,jk->ik", T, Z)
    return Z / norm**0.5


def root_float32(cov, steps):
    return plain_root(cov.astype(np.float32), steps)


def root_torch(cov, steps):
    cov = torch.from_numpy(cov)
    norm, eye = cov.norm(), torch.eye(len(cov), dtype=cov.dtype)
    Y, Z = cov / norm, eye
    for _ in range(steps):
        factor = (3 * eye - Z @ Y) / 2
        Y, Z = Y @ factor, factor @ Z
    return Z / norm.sqrt()


def by_eigenvalues(cov, steps):
    """Do the steps on the eigenvalues: the iteration keeps the vectors."""
    lam, U = np.linalg.eigh(cov)
    norm = np.sqrt((lam**2).sum())
    y, z = lam / norm, np.ones_like(lam)
    for _ in range(steps):
        t = (3 - z * y) / 2
        y, z = y * t, z * t
    return (U * z) @ U.T / np.sqrt(norm)


def wrong_root(norm=None, factor=None, end=None, more=0):
    """Return an iteration as people write it who get one thing wrong."""

    def answer(cov, steps):
        eye = np.eye(len(cov))
        n = np.linalg.norm(cov) if norm is None else norm(cov)
        Y, Z = cov / n, eye
        for _ in range(steps + more):
            T = (3 * eye - Z @ Y) / 2 if factor is None else factor(Z, Y)
            Y, Z = Y @ T, T @ Z
        return Z / np.sqrt(n) if end is None else end(Y, Z, n)

    return answer


def uncoupled(cov, steps):
    norm = np.linalg.norm(cov)
    Z = np.eye(len(cov))
    for _ in range(steps):
        Z = (3 * Z - Z @ Z @ Z @ cov / norm) / 2
    return Z / np.sqrt(norm)


def order(factors, step):
    def answer(cov, steps):
        norm, eye = np.linalg.norm(cov), np.eye(len(cov))
        Y, Z = cov / norm, eye
        for _ in range(steps):
            T = (3 * eye - factors(Z, Y)) / 2
            Y, Z = Y @ T, step(T, Z)
        return Z / np.sqrt(norm)

    return answer


def new_y_first(cov, steps):
    norm, eye = np.linalg.norm(cov), np.eye(len(cov))
    Y, Z = cov / norm, eye
    for _ in range(steps):
        Y = Y @ (3 * eye - Z @ Y) / 2
        Z = (3 * eye - Z @ Y) @ Z / 2
    return Z / np.sqrt(norm)


def elementwise(cov, steps):
    norm, eye = np.linalg.norm(cov), np.eye(len(cov))
    Y, Z = cov / norm, eye
    for _ in range(steps):
        T = (3 * eye - Z * Y) / 2
        Y, Z = Y * T, T * Z
    return Z / np.sqrt(norm)


def root_in_place(cov, steps):
    norm = np.linalg.norm(cov)
    cov /= norm
    return plain_root(cov, steps) / np.sqrt(norm)


def eye_of(Z):
    return np.eye(len(Z))


ROOT = {
    "solution": inverse_root,
    "right": {
        "Z Y": from_z_and_y,
        "residual": measured(with_half),
        "einsum": measured(root_einsum),
        "float32": measured(root_float32),
        "torch": measured(root_torch),
        "eigenvalues": measured(by_eigenvalues),
    },
    "wrong": {
        "Z T": (measured(order(lambda Z, Y: Z @ Y, lambda T, Z: Z @ T)), "in another order"),
        "Y Z": (measured(order(lambda Z, Y: Y @ Z, lambda T, Z: T @ Z)), "in another order"),
        "no norm": (
            measured(wrong_root(norm=lambda c: 1.0)),
            "not divided by the norm",
        ),
        "trace": (measured(wrong_root(norm=np.trace)), "the trace"),
        "spectral": (
            measured(wrong_root(norm=lambda c: np.linalg.norm(c, 2))),
            "the largest eigenvalue",
        ),
        "largest entry": (
            measured(wrong_root(norm=lambda c: c.max())),
            "the largest entry",
        ),
        "not scaled back": (
            measured(wrong_root(end=lambda Y, Z, n: Z)),
            "not scaled back",
        ),
        "by the norm": (
            measured(wrong_root(end=lambda Y, Z, n: Z / n)),
            "not by its root",
        ),
        "times the root": (
            measured(wrong_root(end=lambda Y, Z, n: Z * np.sqrt(n))),
            "multiplied by the root",
        ),
        "Y": (
            measured(wrong_root(end=lambda Y, Z, n: Y * np.sqrt(n))),
            "the root, not the inverse",
        ),
        "Y, scaled as Z": (
            measured(wrong_root(end=lambda Y, Z, n: Y / np.sqrt(n))),
            "Y, not Z",
        ),
        "one more": (measured(wrong_root(more=1)), "one step too many"),
        "one less": (measured(wrong_root(more=-1)), "one step too few"),
        "no half": (
            measured(wrong_root(factor=lambda Z, Y: 3 * eye_of(Z) - Z @ Y)),
            "not divided by 2",
        ),
        "3 everywhere": (
            measured(wrong_root(factor=lambda Z, Y: (3 - Z @ Y) / 2)),
            "entry by entry, without",
        ),
        "plus": (
            measured(wrong_root(factor=lambda Z, Y: (3 * eye_of(Z) + Z @ Y) / 2)),
            "a plus",
        ),
        "one identity": (
            measured(wrong_root(factor=lambda Z, Y: (eye_of(Z) - Z @ Y) / 2)),
            "3 times the identity",
        ),
        "half of one term": (
            measured(wrong_root(factor=lambda Z, Y: 3 * eye_of(Z) - Z @ Y / 2)),
            "",
        ),
        "Y alone": (
            measured(wrong_root(factor=lambda Z, Y: (3 * eye_of(Z) - Y) / 2)),
            "Y alone",
        ),
        "entry by entry": (measured(elementwise), "not of matrices"),
        "new Y": (measured(new_y_first), "uses the new Y"),
        "uncoupled": (measured(uncoupled), "in another order"),
        "exact": (measured(lambda cov, steps: root_of(cov)), "the exact inverse"),
        "spectral distance": (
            measured(plain_root, lambda d: np.linalg.norm(d, 2)),
            "the spectral norm",
        ),
        "the root alone": (plain_root, "returned 1 results"),
        "in place": (measured(root_in_place), "work on a copy"),
    },
}

ANSWERS = {
    "ex02_q1": MATRIX,
    "ex02_q2": ZCA,
    "ex02_q3": ZCA_COR,
    "ex02_q4": ROOT,
}
