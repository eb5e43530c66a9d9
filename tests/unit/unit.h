/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What every unit test includes first: cmocka needs its headers in this order.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#endif /* UNIT_H */
