/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Read before anything else of the module: a Ganesha built without NLM.
 */
#include "config.h"

#undef _USE_NLM
