/** The routes of carts, coupons, bundles, quotes, exchanges, sales and invoices. */
import { BundlesService } from '@suuupra/contracts/gen/suuupra/orders/v1/bundles_pb.ts';
import { CartsService } from '@suuupra/contracts/gen/suuupra/orders/v1/carts_pb.ts';
import { CouponsService } from '@suuupra/contracts/gen/suuupra/orders/v1/coupons_pb.ts';
import { InvoicesService } from '@suuupra/contracts/gen/suuupra/orders/v1/invoices_pb.ts';
import { QuotesService } from '@suuupra/contracts/gen/suuupra/orders/v1/quotes_pb.ts';
import { type Implementation, implement } from '@suuupra/platform/rpc/rpc';
import { createBundle, getBundle, listBundles, withdrawBundle } from './bundles.ts';
import { cleared, withCoupon, withoutItem } from './cart.ts';
import { addCartItem, changeCart, changeCartItem, checkOutCart, getCart, mergeCart } from './carts.ts';
import type { OrdersSurroundings } from './change.ts';
import { createCoupon, getCoupon, listCoupons, withdrawCoupon } from './coupons.ts';
import { exchangeLines } from './exchange.ts';
import { getInvoice, listInvoices } from './invoices.ts';
import { quoteOrder } from './orders.ts';
import { listSales } from './sales.ts';
import { getSeller, setSeller } from './sellers.ts';

export const commerceServices = [CartsService, CouponsService, BundlesService, QuotesService, InvoicesService] as const;

export function commerceImplementations(surroundings: OrdersSurroundings): Implementation[] {
  return [
    cartsRpc(surroundings),
    implement(CouponsService, {
      createCoupon: (request, context) => createCoupon(surroundings, request, context),
      listCoupons: (request, context) => listCoupons(surroundings, request, context),
      getCoupon: (request, context) => getCoupon(surroundings, request, context),
      withdrawCoupon: (request, context) => withdrawCoupon(surroundings, request, context),
    }),
    implement(BundlesService, {
      createBundle: (request, context) => createBundle(surroundings, request, context),
      listBundles: (request) => listBundles(surroundings, request),
      getBundle: (request) => getBundle(surroundings, request),
      withdrawBundle: (request, context) => withdrawBundle(surroundings, request, context),
    }),
    implement(QuotesService, {
      quoteOrder: (request, context) => quoteOrder(surroundings, request, context),
      exchangeLines: (request, context) => exchangeLines(surroundings, request, context),
      listSales: (request, context) => listSales(surroundings, request, context),
    }),
    implement(InvoicesService, {
      listInvoices: (request, context) => listInvoices(surroundings, request, context),
      getInvoice: (request, context) => getInvoice(surroundings, request, context),
      getSeller: () => getSeller(surroundings),
      setSeller: (request, context) => setSeller(surroundings, request, context),
    }),
  ];
}

function cartsRpc(surroundings: OrdersSurroundings): Implementation {
  return implement(CartsService, {
    getCart: (_, context) => getCart(surroundings, context),
    addCartItem: (request, context) => addCartItem(surroundings, request, context),
    changeCartItem: (request, context) => changeCartItem(surroundings, request, context),
    removeCartItem: ({ id }, context) => changeCart(surroundings, context, (cart) => withoutItem(cart, id)),
    setCartCoupon: ({ couponCode }, context) =>
      changeCart(surroundings, context, (cart) => withCoupon(cart, couponCode)),
    mergeCart: (request, context) => mergeCart(surroundings, request, context),
    clearCart: (_, context) => changeCart(surroundings, context, cleared),
    checkOutCart: (request, context) => checkOutCart(surroundings, request, context),
  });
}
